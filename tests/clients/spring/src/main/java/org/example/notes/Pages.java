package org.example.notes;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import jakarta.servlet.http.HttpServletResponse;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.MediaType;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.client.OAuth2ClientHttpRequestInterceptor;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.util.HtmlUtils;

import static org.springframework.security.oauth2.client.web.client.RequestAttributeClientRegistrationIdResolver.clientRegistrationId;

/** The pages. Tokens stay in the session, on the server: a script that gets into a page finds none to take away. */
@RestController
public class Pages {

    private static final ParameterizedTypeReference<List<Map<String, Object>>> NOTES = new ParameterizedTypeReference<>() {};

    private final RestClient notes;

    Pages(OAuth2AuthorizedClientManager tokens, RestClient.Builder builder, @Value("${notes.url}") String url) {
        this.notes = builder.baseUrl(url).requestInterceptor(new OAuth2ClientHttpRequestInterceptor(tokens)).build();
    }

    @GetMapping(path = "/", produces = MediaType.TEXT_HTML_VALUE)
    String home(@AuthenticationPrincipal OidcUser person, CsrfToken csrf) {
        if (person == null) {
            return page("Notes", "<p><a id=\"sign-in\" href=\"/oauth2/authorization/doorward\">Sign in</a></p>");
        }
        String claims = person.getUserInfo().getClaims().entrySet().stream()
            .map(claim -> "<dt>%1$s</dt><dd id=\"claim-%1$s\">%2$s</dd>".formatted(text(claim.getKey()), text(claim.getValue())))
            .collect(Collectors.joining());
        return page("Hello " + person.getUserInfo().getFullName(), """
            <dl id="claims">%s</dl>
            <p><a id="notes" href="/notes">Your notes</a></p>
            <form method="post" action="/logout"><input type="hidden" name="%s" value="%s">
            <button id="sign-out">Sign out</button></form>
            """.formatted(claims, text(csrf.getParameterName()), text(csrf.getToken())));
    }

    @GetMapping(path = "/notes", produces = MediaType.TEXT_HTML_VALUE)
    String notes() {
        List<Map<String, Object>> list = notes.get().uri("/notes")
            .attributes(clientRegistrationId("doorward")).retrieve().body(NOTES);
        return page("Your notes", list.stream()
            .map(note -> "<li>" + text(note.get("text")) + "</li>")
            .collect(Collectors.joining("", "<ul id=\"list\">", "</ul>")));
    }

    @GetMapping(path = "/signed-out", produces = MediaType.TEXT_HTML_VALUE)
    String signedOut() {
        return page("Signed out", "<p>You are signed out here and at Doorward.</p>");
    }

    @GetMapping(path = "/sorry", produces = MediaType.TEXT_HTML_VALUE)
    String sorry(@RequestParam(required = false) String denied, HttpServletResponse response) {
        response.setStatus(denied == null ? HttpServletResponse.SC_BAD_REQUEST : HttpServletResponse.SC_FORBIDDEN);
        return denied == null
            ? page("That did not work", "<p id=\"sorry\">You are not signed in. Please try again.</p>")
            : page("Not signed in", "<p id=\"sorry\">You did not allow it. Nothing was shared.</p>");
    }

    private static String page(String title, String main) {
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><title>%1$s</title></head>
            <body><main><h1>%1$s</h1>%2$s</main></body></html>
            """.formatted(text(title), main);
    }

    private static String text(Object value) {
        return HtmlUtils.htmlEscape(String.valueOf(value));
    }
}
