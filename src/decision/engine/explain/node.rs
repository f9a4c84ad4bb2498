//! The tree in which an explanation is given.

use serde::Serialize;

use crate::domain::id::AssignmentId;

/// What a node says, for programs; the names are part of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Permitted,
    Denied,
    /// What would permit if nothing denied.
    Outweighed,
    SubjectUnknown,
    SubjectDisabled,
    Assignment,
    /// The groups through which the subject has something.
    Membership,
    /// How a role comes to hold the permission, or how a permission covers the action.
    Holds,
    /// Where an assignment counts.
    Scope,
    Relation,
    /// One relation is another one, too.
    Includes,
    /// A relation is taken from another resource.
    From,
    /// An edge from a resource to whoever has the relation.
    Edge,
    Policy,
    DenyAssignment,
    ForbidPolicy,
    /// A policy that could not be evaluated.
    PolicyFailed,
    UnknownType,
    UnknownAction,
    AssignmentNotBegun,
    AssignmentExpired,
    AssignmentElsewhere,
    MembershipNotBegun,
    MembershipExpired,
    EdgeNotBegun,
    EdgeExpired,
    RoleLacked,
    RelationLacked,
    PolicyNotApplied,
    NothingGrants,
    /// A list was cut here.
    More,
    /// To tell more would need more than one decision may walk.
    OverBudget,
}

/// One line of an explanation, and what it rests on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Node {
    pub kind: Kind,
    /// The same for a person, in one line.
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

impl Node {
    #[must_use]
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        let (role, group, relation, policy, resource) = (None, None, None, None, None);
        Self { kind, text, assignment: None, role, group, relation, policy, resource, children: Vec::new() }
    }

    #[must_use]
    pub(super) fn over(self, children: Vec<Self>) -> Self {
        Self { children, ..self }
    }

    /// The tree with lines for its branches, as people read it on a terminal.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut drawing = printable(&self.text);
        draw_below(self, "", &mut drawing);
        drawing
    }
}

/// Depth is bounded by how trees are made: no branch has more than four nodes.
fn draw_below(node: &Node, indent: &str, drawing: &mut String) {
    let last = node.children.len().saturating_sub(1);
    for (index, child) in node.children.iter().enumerate() {
        let (branch, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        drawing.push('\n');
        drawing.push_str(indent);
        drawing.push_str(branch);
        drawing.push_str(&printable(&child.text));
        draw_below(child, &format!("{indent}{below}"), drawing);
    }
}

/// Names may hold what a terminal takes as a command.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The first of a list, and how many more there are: only what is told is put into words.
pub(super) struct First {
    max: usize,
    nodes: Vec<Node>,
    more: usize,
}

impl First {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, nodes: Vec::new(), more: 0 }
    }

    pub(super) fn add<T>(mut self, items: impl IntoIterator<Item = T>, tell: impl Fn(T) -> Node) -> Self {
        for item in items {
            if self.nodes.len() < self.max {
                self.nodes.push(tell(item));
            } else {
                self.more += 1;
            }
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub(super) fn told(mut self) -> Vec<Node> {
        if self.more > 0 {
            self.nodes.push(Node::new(Kind::More, format!("and {} more", self.more)));
        }
        self.nodes
    }
}
