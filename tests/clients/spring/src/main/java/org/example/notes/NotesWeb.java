package org.example.notes;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/** A small web app whose people sign in with Doorward, by Spring Security. */
@SpringBootApplication
public class NotesWeb {

    public static void main(String[] arguments) {
        SpringApplication.run(NotesWeb.class, arguments);
    }
}
