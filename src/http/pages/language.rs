//! The texts of the pages: one catalogue for each language, and which one a person gets.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use fluent_langneg::{NegotiationStrategy, negotiate_languages};
use minijinja::Value;
use minijinja::value::Kwargs;
use salvo::Request;
use salvo::http::header::ACCEPT_LANGUAGE;
use unic_langid::LanguageIdentifier;

/// The tag of each language and its texts; the first is the one for whom none of the others will do.
const TEXTS: [(&str, &str); 2] = [("en", include_str!("texts/en.ftl")), ("de", include_str!("texts/de.ftl"))];

/// The languages of the pages (`ui_locales_supported`).
pub(in crate::http) const TAGS: [&str; TEXTS.len()] = [TEXTS[0].0, TEXTS[1].0];

struct Catalogue {
    identifier: LanguageIdentifier,
    bundle: FluentBundle<FluentResource>,
}

static CATALOGUES: LazyLock<Vec<Catalogue>> =
    LazyLock::new(|| TEXTS.iter().map(|(tag, text)| read(tag, text)).collect());

fn read(tag: &str, text: &str) -> Catalogue {
    let identifier: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier.clone()]);
    // Names cannot hold direction controls, so they need no marks around them that whoever reads the page could trip over.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, errors)| {
        tracing::error!(?errors, tag, "a catalogue does not parse");
        resource
    });
    if let Err(errors) = bundle.add_resource(resource) {
        tracing::error!(?errors, tag, "a catalogue has a message twice");
    }
    Catalogue { identifier, bundle }
}

/// More languages than anybody asks for; the rest is not read.
const PREFERENCES_LEN_MAX: usize = 1024;

/// The languages of an `Accept-Language` header, the most wanted first (RFC 9110 §12.4.2: a weight is 1 unless it says
/// otherwise, and 0 means "not this").
fn by_weight(accepted: &str) -> Vec<LanguageIdentifier> {
    let read = |item: &str| {
        let (tag, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Some(1.0), |text| text.trim().parse::<f32>().ok());
        Some((tag.trim().parse().ok()?, weight?))
    };
    let mut all: Vec<(LanguageIdentifier, f32)> = accepted.split(',').filter_map(read).collect();
    all.retain(|(_, weight)| *weight > 0.0);
    all.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    all.into_iter().map(|(tag, _)| tag).collect()
}

/// One of the languages there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::http) struct Language(usize);

impl Language {
    /// What the browser of a request prefers.
    pub(in crate::http) fn of(req: &Request) -> Self {
        Self::preferred(None, req)
    }

    /// What the client asked for (`ui_locales`, OpenID Connect Core §3.1.2.1), then what the browser prefers
    /// (`Accept-Language`, RFC 9110 §12.5.4).
    pub(in crate::http) fn preferred(ui_locales: Option<&str>, req: &Request) -> Self {
        let accepted = req.headers().get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self::choose(ui_locales.unwrap_or_default(), accepted)
    }

    fn choose(ui_locales: &str, accepted: &str) -> Self {
        let short = |text: &str| text.len() <= PREFERENCES_LEN_MAX;
        let named = ui_locales.split(' ').filter(|_| short(ui_locales)).filter_map(|tag| tag.parse().ok());
        let accepted = if short(accepted) { by_weight(accepted) } else { Vec::new() };
        let wanted: Vec<LanguageIdentifier> = named.chain(accepted).collect();
        let there: Vec<_> = CATALOGUES.iter().map(|catalogue| &catalogue.identifier).collect();
        let found = negotiate_languages(&wanted, &there, None, NegotiationStrategy::Filtering);
        let at = found.first().and_then(|found| there.iter().position(|identifier| identifier == *found));
        Self(at.unwrap_or(0))
    }

    pub(in crate::http) fn tag(self) -> &'static str {
        TAGS.get(self.0).copied().unwrap_or(TAGS[0])
    }

    /// A text; one that no catalogue has shows as its name.
    pub(in crate::http) fn text(self, key: &str, arguments: &[(&str, &str)]) -> String {
        let mut named = FluentArgs::with_capacity(arguments.len());
        for (name, value) in arguments {
            named.set(*name, *value);
        }
        let Some(catalogue) = CATALOGUES.get(self.0) else { return key.to_owned() };
        let Some(pattern) = catalogue.bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, language = self.tag(), "a text is missing");
            return key.to_owned();
        };
        let mut errors = Vec::new();
        let text = catalogue.bundle.format_pattern(pattern, Some(&named), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::error!(key, language = self.tag(), ?errors, "a text lacks a variable");
        }
        text
    }

    /// The function `t("key", name=value)` of templates. What it gives is escaped there like any other value.
    pub(super) fn function(self) -> Value {
        Value::from_function(move |key: &str, named: Kwargs| -> Result<String, minijinja::Error> {
            let names: Vec<String> = named.args().map(str::to_owned).collect();
            let mut arguments = Vec::with_capacity(names.len());
            for name in &names {
                arguments.push((name.as_str(), named.get::<Value>(name)?.to_string()));
            }
            let borrowed: Vec<(&str, &str)> = arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
            Ok(self.text(key, &borrowed))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Each message with the variables it names.
    fn messages(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut all = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let (key, pattern) = line.split_once(" = ").unwrap_or_else(|| panic!("no message: {line}"));
            let variables = pattern.split("{ $").skip(1).map(|rest| rest.split(' ').next().unwrap().to_owned());
            assert!(all.insert(key.to_owned(), variables.collect()).is_none(), "{key} stands twice");
        }
        all
    }

    #[test]
    fn every_language_has_every_text_with_the_same_variables() {
        let english = messages(TEXTS[0].1);
        for (tag, text) in TEXTS {
            assert_eq!(messages(text), english, "{tag}");
            assert_eq!(read(tag, text).identifier.to_string(), tag);
        }
    }

    #[test]
    fn the_client_s_wish_comes_before_the_browser_s_and_english_last() {
        let chosen = |ui_locales, accepted| Language::choose(ui_locales, accepted).tag();
        assert_eq!(chosen("", ""), "en");
        assert_eq!(chosen("", "de-CH,de;q=0.9,en;q=0.8"), "de");
        assert_eq!(chosen("", "fr, en;q=0.8, de;q=0.9"), "de");
        assert_eq!(chosen("", "en, de;q=0.5"), "en");
        assert_eq!(chosen("", "en;q=0, de;q=0.1"), "de");
        assert_eq!(chosen("fr-CA de", "en"), "de");
        assert_eq!(chosen("fr", "de"), "de");
        assert_eq!(chosen("xx", "*;q=x,,\u{e4}"), "en");
        assert_eq!(chosen(&"de ".repeat(1000), ""), "en", "longer than anybody's");
    }

    #[test]
    fn values_stand_in_texts_as_they_are() {
        let text = Language(0).text("sign-in-to", &[("client", "A { $b } <i>")]);
        assert_eq!(text, "to go on to A { $b } <i>");
    }
}
