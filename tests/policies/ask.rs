//! A question to policies, with only what a test cares about.

use doorward::decision::policies::{Given, Policies, PolicyError, PolicyOutcome, PolicyRequest};
use doorward::domain::model::Model;
use serde_json::{Map, Value, json};

pub fn model(document: &Value) -> Model {
    Model::parse(document).unwrap()
}

pub fn policies(model: &Model, text: &str) -> Policies {
    Policies::compile(model, text).unwrap_or_else(|errors| panic!("{}", lines(&errors)))
}

pub fn refusal(model: &Model, text: &str) -> String {
    lines(&Policies::compile(model, text).err().unwrap_or_else(|| panic!("taken: {text}")))
}

fn lines(errors: &[PolicyError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub principal: (String, String),
    pub roles: Vec<String>,
    pub groups: Vec<String>,
    pub action: String,
    pub resource: (String, String),
    pub ancestors: Vec<(String, String)>,
    pub of_principal: [Map<String, Value>; 2],
    pub of_action: Map<String, Value>,
    pub of_resource: [Map<String, Value>; 2],
    pub context: Map<String, Value>,
}

/// `user:alice read document:7`, nothing else known or said.
pub fn ask(question: &str) -> Ask {
    let parts: Vec<_> = question.splitn(3, ' ').collect();
    let pair = |text: &str| text.split_once(':').map(|(of, id)| (of.to_owned(), id.to_owned())).unwrap();
    let [principal, action, resource] = parts.try_into().unwrap();
    Ask {
        principal: pair(principal),
        roles: Vec::new(),
        groups: Vec::new(),
        action: action.to_owned(),
        resource: pair(resource),
        ancestors: Vec::new(),
        of_principal: Default::default(),
        of_action: Map::new(),
        of_resource: Default::default(),
        context: Map::new(),
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

impl Ask {
    pub fn roles(mut self, roles: &[&str]) -> Self {
        self.roles = roles.iter().map(ToString::to_string).collect();
        self
    }

    pub fn groups(mut self, groups: &[&str]) -> Self {
        self.groups = groups.iter().map(ToString::to_string).collect();
        self
    }

    pub fn below(mut self, ancestors: &[(&str, &str)]) -> Self {
        self.ancestors = ancestors.iter().map(|(of, id)| ((*of).to_owned(), (*id).to_owned())).collect();
        self
    }

    pub fn subject_says(mut self, sent: &Value) -> Self {
        self.of_principal[1] = object(sent);
        self
    }

    pub fn subject_has(mut self, stored: &Value) -> Self {
        self.of_principal[0] = object(stored);
        self
    }

    pub fn resource_says(mut self, sent: &Value) -> Self {
        self.of_resource[1] = object(sent);
        self
    }

    pub fn resource_has(mut self, stored: &Value) -> Self {
        self.of_resource[0] = object(stored);
        self
    }

    pub fn action_says(mut self, sent: &Value) -> Self {
        self.of_action = object(sent);
        self
    }

    pub fn context(mut self, sent: &Value) -> Self {
        self.context = object(sent);
        self
    }

    pub fn of(&self, policies: &Policies) -> PolicyOutcome {
        let roles: Vec<_> = self.roles.iter().map(String::as_str).collect();
        let groups: Vec<_> = self.groups.iter().map(String::as_str).collect();
        let ancestors: Vec<_> = self.ancestors.iter().map(|(of, id)| (of.as_str(), id.as_str())).collect();
        policies.evaluate(&PolicyRequest {
            principal_type: &self.principal.0,
            principal_id: &self.principal.1,
            principal: Given { stored: &self.of_principal[0], sent: &self.of_principal[1] },
            roles: &roles,
            groups: &groups,
            action: &self.action,
            action_properties: &self.of_action,
            resource_type: &self.resource.0,
            resource_id: &self.resource.1,
            resource: Given { stored: &self.of_resource[0], sent: &self.of_resource[1] },
            ancestors: &ancestors,
            context: &self.context,
        })
    }

    pub fn allows(&self, policies: &Policies) -> bool {
        let outcome = self.of(policies);
        assert!(outcome.errors.is_empty(), "{outcome:?}");
        outcome.allows()
    }
}

/// Documents in folders, people and robots.
pub fn library() -> Model {
    model(&json!({
        "subjects": {
            "user": {"kind": "directory", "attributes": {
                "email": {"type": "string"}, "clearance": {"type": "integer", "required": true},
            }},
            "robot": {"kind": "external"},
        },
        "resources": {
            "folder": {
                "actions": {"read": {}},
                "relations": {"parent": {"subjects": ["folder"]}},
            },
            "document": {
                "actions": {
                    "read": {},
                    "write": {"properties": {"soft": {"type": "boolean"}, "reason": {"type": "string", "required": true}}},
                },
                "relations": {"parent": {"subjects": ["folder"]}},
                "attributes": {
                    "status": {"type": "string", "source": "request"},
                    "level": {"type": "integer"},
                    "labels": {"type": "strings"},
                    "price": {"type": "decimal"},
                    "due": {"type": "datetime"},
                    "content-type": {"type": "string"},
                },
            },
        },
        "context": {"ip": {"type": "ip"}, "n": {"type": "integer"}},
    }))
}
