// Command cmd runs the web app. Every setting comes from the environment, so that no secret is in the code.
package main

import (
	"cmp"
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"example.org/doorward/notes/web"
)

func setting(name string) string {
	value := os.Getenv(name)
	if value == "" {
		log.Fatalf("set %s", name)
	}
	return value
}

func main() {
	port := cmp.Or(os.Getenv("PORT"), "8002")
	settings := web.Settings{
		Issuer:       setting("NOTES_ISSUER"),
		ClientID:     setting("WEB_CLIENT_ID"),
		ClientSecret: setting("WEB_CLIENT_SECRET"),
		// Not `localhost` where the issuer is `localhost`: cookies know no ports, and one would overwrite the other's.
		Origin:   cmp.Or(os.Getenv("WEB_ORIGIN"), "http://127.0.0.1:"+port),
		Audience: setting("NOTES_AUDIENCE"),
		NotesURL: setting("NOTES_URL"),
		HTTP:     &http.Client{Timeout: 5 * time.Second},
	}
	signIn, err := web.NewSignIn(context.Background(), settings)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:              "127.0.0.1:" + port,
		Handler:           web.NewApp(settings, signIn).Handler(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Printf("the web app is at %s", settings.Origin)
	log.Fatal(server.ListenAndServe())
}
