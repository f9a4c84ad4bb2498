package org.example.notes;

import java.io.IOException;
import java.time.Duration;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.annotation.web.configuration.EnableWebSecurity;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientProviderBuilder;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizedClientRepository;
import org.springframework.security.oauth2.client.web.OAuth2LoginAuthenticationFilter;
import org.springframework.security.oauth2.core.OAuth2AuthenticationException;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.authentication.AuthenticationFailureHandler;
import org.springframework.security.web.util.matcher.RequestMatcher;
import org.springframework.web.filter.OncePerRequestFilter;

/** Spring checks state, nonce, the ID token and the subject of userinfo by itself. What it leaves to us is here. */
@Configuration
@EnableWebSecurity
public class SignIn {

    private static final RequestMatcher CALLBACK = request -> request.getRequestURI().equals("/callback");

    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients,
            @Value("${notes.issuer}") String issuer, @Value("${notes.audience}") String audience) throws Exception {
        var signOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
        signOut.setPostLogoutRedirectUri("{baseUrl}/signed-out");
        http.authorizeHttpRequests(requests -> requests
                .requestMatchers("/", "/signed-out", "/sorry", "/error").permitAll()
                .anyRequest().authenticated())
            .oauth2Login(login -> login
                .redirectionEndpoint(endpoint -> endpoint.baseUri("/callback"))
                .authorizationEndpoint(endpoint -> endpoint
                    .authorizationRequestResolver(requestsFor(clients, audience)))
                .failureHandler(refused()))
            .logout(logout -> logout.logoutSuccessHandler(signOut))
            .addFilterBefore(new IssuerFilter(issuer), OAuth2LoginAuthenticationFilter.class)
            // Browsers hold the redirect after a form to `form-action` too: signing out leads to the issuer.
            .headers(headers -> headers
                .contentSecurityPolicy(policy -> policy.policyDirectives(
                    "default-src 'none'; form-action 'self' " + issuer + "; frame-ancestors 'none'"))
                .referrerPolicy(policy -> policy.policy(
                    org.springframework.security.web.header.writers.ReferrerPolicyHeaderWriter.ReferrerPolicy.NO_REFERRER)));
        return http.build();
    }

    /** PKCE, which Spring does by itself for public clients only, and the API the access token is for (RFC 8707). */
    private static OAuth2AuthorizationRequestResolver requestsFor(ClientRegistrationRepository clients, String audience) {
        var resolver = new DefaultOAuth2AuthorizationRequestResolver(clients, "/oauth2/authorization");
        resolver.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce()
            .andThen(request -> request.additionalParameters(parameters -> parameters.put("resource", audience))));
        return resolver;
    }

    /** "No" is an answer, and gets a page; so does what was refused here. */
    private static AuthenticationFailureHandler refused() {
        return (request, response, exception) -> {
            boolean said = exception instanceof OAuth2AuthenticationException refusal
                && refusal.getError().getErrorCode().equals("access_denied");
            response.sendRedirect(said ? "/sorry?denied" : "/sorry");
        };
    }

    /**
     * Spring does not look at `iss` in the answer (RFC 9207): an answer of another issuer must not be taken for one of
     * ours, nor its code be shown to ours. Doorward always names itself.
     */
    private static final class IssuerFilter extends OncePerRequestFilter {

        private final String issuer;

        IssuerFilter(String issuer) {
            this.issuer = issuer;
        }

        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
                throws ServletException, IOException {
            if (CALLBACK.matches(request) && !issuer.equals(request.getParameter("iss"))) {
                response.sendRedirect("/sorry");
                return;
            }
            chain.doFilter(request, response);
        }
    }

    /** Hands out the access token of who is signed in, renewed when it is due. */
    @Bean
    OAuth2AuthorizedClientManager tokens(ClientRegistrationRepository clients,
            OAuth2AuthorizedClientRepository authorized, @Value("${notes.renew-before}") Duration renewBefore) {
        var manager = new DefaultOAuth2AuthorizedClientManager(clients, authorized);
        manager.setAuthorizedClientProvider(OAuth2AuthorizedClientProviderBuilder.builder()
            .authorizationCode()
            .refreshToken(refresh -> refresh.clockSkew(renewBefore))
            .build());
        return manager;
    }
}
