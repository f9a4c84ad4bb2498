//! A world as plain texts and numbers: what both evaluators are made from, and what a failing test shows. None of the types of
//! the product are in it, and nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde_json::{Map, Value, json};

/// Microseconds since 1970.
pub type Time = i64;

/// `[from, until)`, either end open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub from: Option<Time>,
    pub until: Option<Time>,
}

#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub model: Option<ModelPlan>,
    /// The model when the edges were written, where it is another.
    pub earlier: Option<ModelPlan>,
    pub roles: Vec<RolePlan>,
    pub people: Vec<PersonPlan>,
    pub clients: Vec<String>,
    /// External subjects, `employee:1`, and whether each is disabled.
    pub employees: Vec<(String, bool)>,
    pub groups: Vec<String>,
    pub members: Vec<MemberPlan>,
    pub grants: Vec<GrantPlan>,
    pub edges: Vec<EdgePlan>,
    pub resources: BTreeMap<String, Map<String, Value>>,
    /// What the resource server registered of subjects.
    pub registered: BTreeMap<String, Map<String, Value>>,
    pub policies: Vec<PolicyPlan>,
}

#[derive(Clone, Debug)]
pub struct RolePlan {
    pub name: String,
    pub permissions: Vec<String>,
    pub includes: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct PersonPlan {
    pub username: String,
    pub sub: String,
    pub email: Option<String>,
    pub disabled: bool,
}

/// `user:anna`, `client:cron` or `group:g0` is in a group.
#[derive(Clone, Debug)]
pub struct MemberPlan {
    pub member: String,
    pub group: String,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct GrantPlan {
    pub to: String,
    pub what: What,
    /// One resource and all below it; else the whole resource server.
    pub on: Option<String>,
    pub deny: bool,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Role(String),
    Permission(String),
}

#[derive(Clone, Debug)]
pub struct EdgePlan {
    pub object: String,
    pub relation: String,
    pub to: To,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// `user:anna`, `client:cron`, `employee:1`.
    One(String),
    /// The members of a group: `group:g0`.
    Group(String),
    /// Everybody of a type.
    Everyone(String),
    Object(String),
    /// Whoever has the relation to the object.
    Userset(String, String),
}

#[derive(Clone, Debug)]
pub struct PolicyPlan {
    pub id: String,
    pub forbid: bool,
    /// `principal, action, resource`, as the policy says them.
    pub head: String,
    /// `when { … }` and `unless { … }`.
    pub conditions: String,
    /// The attributes that the conditions name.
    pub names: BTreeSet<&'static str>,
}

#[derive(Clone, Debug, Default)]
pub struct ModelPlan {
    /// The type of people, and whether the model declares it.
    pub people: String,
    pub subjects: Vec<String>,
    pub types: BTreeMap<String, TypePlan>,
    pub attributes: Vec<AttributePlan>,
}

#[derive(Clone, Debug, Default)]
pub struct TypePlan {
    pub actions: Vec<String>,
    pub relations: Vec<RelationPlan>,
}

#[derive(Clone, Debug, Default)]
pub struct RelationPlan {
    pub name: String,
    pub subjects: Vec<Pattern>,
    pub includes: Vec<String>,
    /// A relation, and the relation that leads to where it is taken from.
    pub from: Vec<(String, String)>,
    pub grants: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    One(String),
    Group,
    Everyone(String),
    Object(String),
    Userset(String, String),
}

/// Of what an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Subject,
    Action,
    Resource,
    Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Integer,
    Text,
    Texts,
    Flag,
    Address,
    Decimal,
}

#[derive(Clone, Debug)]
pub struct AttributePlan {
    pub place: Place,
    pub name: &'static str,
    pub sort: Sort,
    pub required: bool,
    /// What is sent counts.
    pub by_request: bool,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    pub subject: String,
    pub action: String,
    pub resource: String,
    pub sent: BTreeMap<Place, Map<String, Value>>,
}

/// The part before the first colon.
pub fn type_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(of, _)| of)
}

/// The part after it.
pub fn id_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(_, id)| id)
}

impl Plan {
    /// Every moment at which anything begins or ends.
    pub fn moments(&self) -> BTreeSet<Time> {
        let members = self.members.iter().map(|member| member.span);
        let grants = self.grants.iter().map(|grant| grant.span);
        let spans = members.chain(grants).chain(self.edges.iter().map(|edge| edge.span));
        spans.flat_map(|span| [span.from, span.until]).flatten().collect()
    }
}

impl ModelPlan {
    /// As it is written for a server.
    pub fn document(&self) -> Value {
        let attributes = |place: Place| -> Map<String, Value> {
            let here = self.attributes.iter().filter(|attribute| attribute.place == place);
            here.map(|attribute| (attribute.name.to_owned(), attribute.document())).collect()
        };
        let subject = |of: &String| {
            let kind = if of == "employee" { "external" } else { "directory" };
            (of.clone(), json!({ "kind": kind, "attributes": attributes(Place::Subject) }))
        };
        let action = |name: &String| (name.clone(), json!({ "properties": attributes(Place::Action) }));
        let relation = |relation: &RelationPlan| (relation.name.clone(), relation.document());
        let resource = |(name, of): (&String, &TypePlan)| {
            let actions: Map<_, _> = of.actions.iter().map(action).collect();
            let relations: Map<_, _> = of.relations.iter().map(relation).collect();
            let document =
                json!({ "actions": actions, "relations": relations, "attributes": attributes(Place::Resource) });
            (name.clone(), document)
        };
        let subjects: Map<_, _> = self.subjects.iter().map(subject).collect();
        let resources: Map<_, _> = self.types.iter().map(resource).collect();
        json!({ "subjects": subjects, "resources": resources, "context": attributes(Place::Context) })
    }

    pub fn relation(&self, of: &str, name: &str) -> Option<&RelationPlan> {
        self.types.get(of)?.relations.iter().find(|relation| relation.name == name)
    }
}

impl RelationPlan {
    fn document(&self) -> Value {
        let texts = |patterns: &[Pattern]| patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        let from: Vec<_> = self.from.iter().map(|(relation, via)| format!("{relation} from {via}")).collect();
        json!({ "subjects": texts(&self.subjects), "includes": self.includes, "from": from, "grants": self.grants })
    }
}

impl AttributePlan {
    fn document(&self) -> Value {
        let sort = match self.sort {
            Sort::Integer => "integer",
            Sort::Text => "string",
            Sort::Texts => "strings",
            Sort::Flag => "boolean",
            Sort::Address => "ip",
            Sort::Decimal => "decimal",
        };
        let source = if self.by_request { "request" } else { "stored" };
        json!({ "type": sort, "required": self.required, "source": source })
    }
}

impl PolicyPlan {
    pub fn text(&self) -> String {
        let effect = if self.forbid { "forbid" } else { "permit" };
        format!("@id(\"{}\") {effect}({}) {};", self.id, self.head, self.conditions)
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(of) | Self::Object(of) => f.write_str(of),
            Self::Group => f.write_str("group#member"),
            Self::Everyone(of) => write!(f, "{of}:*"),
            Self::Userset(of, relation) => write!(f, "{of}#{relation}"),
        }
    }
}

impl Display for To {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(name) | Self::Object(name) => f.write_str(name),
            Self::Group(name) => write!(f, "{name}#member"),
            Self::Everyone(of) => write!(f, "{of}:*"),
            Self::Userset(object, relation) => write!(f, "{object}#{relation}"),
        }
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.from.map_or(Ok(()), |from| write!(f, " from {from}"))?;
        self.until.map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "the role {name}"),
            Self::Permission(name) => write!(f, "the permission {name}"),
        }
    }
}

impl GrantPlan {
    /// As the world in memory calls it.
    pub fn label(&self) -> String {
        let on = self.on.as_ref().map_or_else(String::new, |on| format!(" on {on}"));
        format!("{} of {}{on}", self.what, self.to)
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, model) in [("model", &self.model), ("the model when it was written", &self.earlier)] {
            model.as_ref().map_or(Ok(()), |model| writeln!(f, "{name}: {}", model.document()))?;
        }
        let lines = self.roles.iter().map(|role| format!("role {role:?}"));
        let lines = lines.chain(self.people.iter().map(|person| format!("{person:?}")));
        let lines = lines.chain([format!("clients {:?}, subjects {:?}", self.clients, self.employees)]);
        let lines = lines.chain(self.members.iter().map(|m| format!("{} in {}{}", m.member, m.group, m.span)));
        let lines =
            lines.chain(self.grants.iter().map(|grant| {
                format!("{} {}{}", if grant.deny { "denied:" } else { "given:" }, grant.label(), grant.span)
            }));
        let lines = lines.chain(self.edges.iter().map(|e| format!("{}#{}@{}{}", e.object, e.relation, e.to, e.span)));
        let registered = self.resources.iter().chain(&self.registered);
        let lines = lines.chain(registered.map(|(name, of)| format!("{name} is {}", Value::Object(of.clone()))));
        for line in lines.chain(self.policies.iter().map(PolicyPlan::text)) {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl Display for Ask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {:?}", self.subject, self.action, self.resource, self.sent)
    }
}
