//! What relations say, edge by edge.

use super::super::pass::{Pass, Step};
use super::super::relations::{At, End, How, Search, Trace};
use super::super::{World, granting, of_edges};
use super::found::Found;
use super::node::{Kind, Node};
use crate::domain::assignment::Principal;
use crate::domain::model::MEMBER;
use crate::domain::object::EdgeSubject;

/// The whole search behind [`decide`](super::super::decide).
pub(super) fn search<W: World>(found: &Found<'_, W>, principal: Principal, pass: &mut Pass) -> Step<Trace> {
    let query = found.query;
    let (Some(model), Some(object)) = (found.world.snapshot().model(), &query.object) else {
        return Ok(Trace::default());
    };
    let subject = of_edges(&query.subject, principal);
    let mut search = Search::new(found.world, model, &subject, found.principals);
    for relation in granting(model, &query.action, object.object_type()) {
        search.begin(object, relation);
    }
    search.all(pass)
}

/// One way through relations that permits.
pub(super) fn way<W: World>(found: &Found<'_, W>, trace: &Trace, end: &End) -> Node {
    let way = trace.way(&end.at);
    let mut steps = Vec::new();
    for (from, to) in way.iter().zip(way.iter().skip(1)) {
        if let (from, (to, Some(how))) = (&from.0, to) {
            steps.push(step(from, to, how));
        }
    }
    steps.push(edge(found, Kind::Edge, end, ""));
    if let EdgeSubject::Principal(group @ Principal::Group(_)) = end.subject {
        steps.extend(found.place(group).and_then(|place| found.membership(place)));
    }
    let (object, relation) = way.first().map_or(&end.at, |(at, _)| at);
    let text = format!("relation {:?} of {object} permits {}", relation.as_str(), found.query.action);
    let (resource, relation) = (Some(object.to_string()), Some(relation.to_string()));
    Node { relation, resource, ..Node::new(Kind::Relation, text) }.over(steps)
}

fn step(from: &At, to: &At, how: &How) -> Node {
    let [(object, relation), (other, taken)] = [from, to];
    let (kind, text) = match how {
        How::Includes => (Kind::Includes, format!("{object}#{relation} includes {object}#{taken}")),
        How::From(via) => {
            (Kind::From, format!("{object}#{relation} is taken from {other}#{taken}, to which {object}#{via} leads"))
        }
        How::Userset => (Kind::Edge, format!("{object}#{relation} is given to {other}#{taken}")),
    };
    Node { resource: Some(other.to_string()), relation: Some(taken.to_string()), ..Node::new(kind, text) }
}

/// `folder:a#editor is given to group:staff#member`
pub(super) fn edge<W: World>(found: &Found<'_, W>, kind: Kind, end: &End, rest: &str) -> Node {
    let (object, relation) = &end.at;
    let verb = if matches!(end.subject, EdgeSubject::Object(_)) { "leads to" } else { "is given to" };
    let text = format!("{object}#{relation} {verb} {}{rest}", name(found, &end.subject));
    Node { resource: Some(object.to_string()), relation: Some(relation.to_string()), ..Node::new(kind, text) }
}

/// Edges to single subjects are read for the one that is asked about, so that these need no look-up.
fn name<W: World>(found: &Found<'_, W>, subject: &EdgeSubject) -> String {
    match subject {
        EdgeSubject::Principal(group @ Principal::Group(_)) => {
            let group = found.place(*group).map(|place| found.holder(place));
            format!("{}#{MEMBER}", group.unwrap_or_else(|| "a group".to_owned()))
        }
        EdgeSubject::Principal(_) => found.who.to_owned(),
        EdgeSubject::External(object) | EdgeSubject::Object(object) => object.to_string(),
        EdgeSubject::Everyone(of) => format!("{of}:*"),
        EdgeSubject::Userset(object, relation) => format!("{object}#{relation}"),
    }
}
