//! Models, resources and relations, written as one reads them.

use doorward::admin::relations::{EdgeName, NewEdge, RelationWrite};
use doorward::admin::rules::RuleChange;
use doorward::domain::model::Model;
use doorward::domain::name::Segment;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::Interval;
use serde_json::Value;

use super::{House, evaluation, eventually, slug};

/// `document:7#viewer@user:alice`.
pub fn edge(text: &str) -> EdgeName {
    let (object, rest) = text.split_once('#').unwrap();
    let (relation, subject) = rest.split_once('@').unwrap();
    EdgeName {
        object: ObjectRef::parse(object).unwrap(),
        relation: Segment::parse(relation).unwrap(),
        subject: subject.to_owned(),
    }
}

pub fn new_edge(text: &str, interval: Interval) -> NewEdge {
    NewEdge { name: edge(text), interval, reason: None }
}

pub fn writes(edges: &[&str]) -> RelationWrite {
    let write = edges.iter().map(|text| new_edge(text, Interval::ALWAYS)).collect();
    RelationWrite { write, ..RelationWrite::default() }
}

pub fn deletes(edges: &[&str]) -> RelationWrite {
    RelationWrite { delete: edges.iter().map(|text| edge(text)).collect(), ..RelationWrite::default() }
}

impl House {
    /// Gives `notes` a model.
    pub async fn model(&self, model: &Value) {
        let model = Model::parse(model).unwrap();
        let change = RuleChange { model: Some(model), policies: None };
        self.node().admin().put_rules(&slug("notes"), &change).await.unwrap();
    }

    /// Gives `notes` policies.
    pub async fn policies(&self, text: &str) {
        let change = RuleChange { model: None, policies: Some(text.to_owned()) };
        self.node().admin().put_rules(&slug("notes"), &change).await.unwrap();
    }

    pub async fn relate(&self, edges: &[&str]) {
        self.node().admin().write_relations(&slug("notes"), &writes(edges)).await.unwrap();
    }

    pub async fn unrelate(&self, edges: &[&str]) {
        self.node().admin().write_relations(&slug("notes"), &deletes(edges)).await.unwrap();
    }

    /// `user:alice`, `read`, `document:7`: what `notes` is answered.
    pub async fn decides(&self, subject: &str, action: &str, object: &str) -> bool {
        let (subject_type, subject_id) = subject.split_once(':').unwrap();
        let (resource_type, resource_id) = object.split_once(':').unwrap();
        let body = evaluation(subject_type, subject_id, action, resource_type, resource_id);
        let answer = self.json("/access/v1/evaluation", &self.notes_api(), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["decision"].as_bool().unwrap()
    }

    /// Rows of `permitted` or `denied`: who may do what on what. After a write of this process it follows within a second.
    pub async fn comes_out(&self, rows: &[(&str, &str, &str, bool)]) {
        for (subject, action, object, expected) in rows {
            let what = format!("{subject} {action} {object} is {expected}");
            eventually(&what, async || self.decides(subject, action, object).await == *expected).await;
        }
    }
}
