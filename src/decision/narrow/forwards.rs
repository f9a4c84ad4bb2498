//! From a resource to the subjects who may reach it: who holds something on it or on what it is in, and whom its edges lead
//! to, groups with everybody in them. Many are looked at together, one statement for each kind of look-up and step.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::{Narrow, Step, Stop, refuse_permits};
use crate::decision::candidates::{self, Candidate};
use crate::decision::engine::{self, OBJECT_DEPTH_MAX, Query, Scope, SubjectRef};
use crate::decision::load::KEYS_MAX;
use crate::decision::search::CANDIDATES_MAX;
use crate::decision::snapshot::Snapshot;
use crate::domain::assignment::Principal;
use crate::domain::group::GROUP_DEPTH_MAX;
use crate::domain::model::{Model, Relation};
use crate::domain::object::{Edge, EdgeSubject, ObjectRef};
use crate::domain::time::{Instant, Interval};
use crate::store::search as rows;
use crate::store::{clients, decisions, subjects};

/// Look-ups of one statement at most: each scope is looked up with each role.
const SEEKS_MAX: usize = 20_000;

/// Who may reach the resource.
#[derive(Default)]
struct Who {
    principals: HashSet<Principal>,
    /// By name, as edges have them.
    externals: BTreeSet<ObjectRef>,
}

/// A relation of a resource that would do.
type At = (ObjectRef, String);

/// The relations that would do, and the edges of their resources.
struct Walk<'a> {
    model: &'a Model,
    /// What those who are searched for are like.
    like: &'a SubjectRef,
    now: Instant,
    seen: HashSet<At>,
    open: Vec<At>,
    edges: HashMap<ObjectRef, Vec<Edge>>,
}

impl Walk<'_> {
    fn add(&mut self, object: &ObjectRef, relation: &str) {
        let at = (object.clone(), relation.to_owned());
        if self.seen.insert(at.clone()) {
            self.open.push(at);
        }
    }

    /// Goes on as far as the edges are known; gives those that wait for edges.
    fn follow(&mut self, who: &mut Who) -> Step<Vec<At>> {
        let (mut waiting, model) = (Vec::new(), self.model);
        while let Some((object, name)) = self.open.pop() {
            let Some(relation) = model.relation(object.object_type(), &name) else { continue };
            relation.includes.iter().for_each(|included| self.add(&object, included.as_str()));
            // Taken out while it is walked, since what is reached is added meanwhile.
            match self.edges.remove_entry(&object) {
                None => waiting.push((object, name)),
                Some((object, edges)) => {
                    let now = self.now;
                    for edge in edges.iter().filter(|edge| edge.interval.contains(now)) {
                        self.step(&name, relation, edge, who)?;
                    }
                    self.edges.insert(object, edges);
                }
            }
        }
        Ok(waiting)
    }

    fn step(&mut self, name: &str, relation: &Relation, edge: &Edge, who: &mut Who) -> Step<()> {
        if let EdgeSubject::Object(object) = &edge.subject {
            let taken = relation.from.iter().filter(|from| from.via == edge.relation);
            taken.for_each(|from| self.add(object, from.relation.as_str()));
        }
        if edge.relation.as_str() != name || !self.model.accepts(relation, &edge.subject) {
            return Ok(());
        }
        match &edge.subject {
            EdgeSubject::Principal(principal) => drop(who.principals.insert(*principal)),
            EdgeSubject::External(external) => drop(who.externals.insert(external.clone())),
            EdgeSubject::Userset(object, relation) => self.add(object, relation.as_str()),
            EdgeSubject::Everyone(of) if candidates::are_like(self.model, of.as_str(), self.like) => {
                return Err(Stop::Wide);
            }
            EdgeSubject::Everyone(_) | EdgeSubject::Object(_) => {}
        }
        Ok(())
    }
}

impl Narrow<'_, '_> {
    /// The next subjects like that of the query who may reach its resource.
    ///
    /// # Errors
    /// [`Stop::Wide`] where that is too much to tell.
    pub(in crate::decision) async fn subjects(mut self, query: &Query, after: Option<&str>) -> Step<Vec<Candidate>> {
        let snapshot = self.view.shared_snapshot();
        refuse_permits(&snapshot, query)?;
        let mut who = Who::default();
        let scopes = self.scopes(query.object.as_ref()).await?;
        self.holders(&snapshot, query, &scopes, &mut who).await?;
        if let (Some(model), Some(object)) = (snapshot.model(), &query.object) {
            self.related(model, query, object, &mut who).await?;
        }
        self.members(&mut who).await?;
        match &query.subject {
            SubjectRef::User(_) | SubjectRef::Client(_) => self.known(&query.subject, &who, after).await,
            SubjectRef::External(like) => self.externals(like.object_type(), who, after).await,
        }
    }

    /// Who is allowed it on one of the scopes.
    async fn holders(&mut self, snapshot: &Snapshot, query: &Query, scopes: &[Scope], who: &mut Who) -> Step<()> {
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_ref().map_or("", ObjectRef::as_str)).collect();
        let roles = snapshot.covering(&query.action, &query.resource_type).roles();
        if scopes.len().saturating_mul(roles.len()) > SEEKS_MAX {
            return Err(Stop::Wide);
        }
        if !roles.is_empty() {
            let limit = self.limit();
            let by_role = rows::holders_of_roles(self.tx, self.at, &scopes, &roles, limit).await?;
            self.keep(by_role, who)?;
        }
        let what = (query.action.as_str(), query.resource_type.as_str());
        let limit = self.limit();
        let directly = rows::holders_of_permissions(self.tx, self.at, &scopes, what, limit).await?;
        self.keep(directly, who)?;
        Ok(())
    }

    /// Keeps those whose time it is, and gives the groups that are new.
    fn keep(&mut self, read: Vec<(Principal, Interval)>, who: &mut Who) -> Step<Vec<Principal>> {
        self.spend(read.len())?;
        let now = self.now;
        let active = read.into_iter().filter(|(_, interval)| interval.contains(now)).map(|(principal, _)| principal);
        let new = active.filter(|principal| who.principals.insert(*principal));
        Ok(new.filter(|principal| matches!(principal, Principal::Group(_))).collect())
    }

    /// Whom the edges lead to, as a decision walks them.
    async fn related(&mut self, model: &Model, query: &Query, object: &ObjectRef, who: &mut Who) -> Step<()> {
        let (seen, open, edges) = (HashSet::new(), Vec::new(), HashMap::new());
        let mut walk = Walk { model, like: &query.subject, now: self.now, seen, open, edges };
        for relation in engine::granting(model, &query.action, object.object_type()) {
            walk.add(object, relation.as_str());
        }
        for _ in 0..=OBJECT_DEPTH_MAX {
            let waiting = walk.follow(who)?;
            if waiting.is_empty() {
                return Ok(());
            }
            let objects: HashSet<_> = waiting.iter().map(|(object, _)| object.clone()).collect();
            let names: Vec<_> = objects.iter().map(ObjectRef::as_str).collect();
            for some in names.chunks(KEYS_MAX) {
                let limit = self.limit();
                let edges = rows::edges_of(self.tx, self.at, some, limit).await?;
                self.spend(edges.len())?;
                for (object, edge) in edges {
                    walk.edges.entry(object).or_default().push(edge);
                }
            }
            for object in objects {
                walk.edges.entry(object).or_default();
            }
            walk.open = waiting;
        }
        Err(Stop::Wide)
    }

    /// Who is in the groups, and in the groups in them.
    async fn members(&mut self, who: &mut Who) -> Step<()> {
        let group = |principal: &Principal| match principal {
            Principal::Group(id) => Some(*id),
            Principal::Person(_) | Principal::Client(_) | Principal::External(_) => None,
        };
        let mut level: Vec<_> = who.principals.iter().filter_map(group).collect();
        for _ in 0..=GROUP_DEPTH_MAX {
            if level.is_empty() {
                return Ok(());
            }
            let mut next = Vec::new();
            for some in level.chunks(KEYS_MAX) {
                let limit = self.limit();
                let members = rows::members(self.tx, some, limit).await?;
                next.extend(self.keep(members, who)?.iter().filter_map(group));
            }
            level = next;
        }
        Err(Stop::Wide)
    }

    /// People or clients, in the order of their identifiers, as many as one page can look at.
    async fn known(&mut self, like: &SubjectRef, who: &Who, after: Option<&str>) -> Step<Vec<Candidate>> {
        let is_client = matches!(like, SubjectRef::Client(_));
        // People and clients have no identifier before the first one.
        let after = after.and_then(|key| key.parse().ok()).unwrap_or_else(Uuid::nil);
        let ids: BTreeSet<_> = who
            .principals
            .iter()
            .filter_map(|principal| match principal {
                Principal::Person(id) => (!is_client).then(|| id.uuid()),
                Principal::Client(id) => is_client.then(|| id.uuid()),
                Principal::Group(_) | Principal::External(_) => None,
            })
            .filter(|id| *id > after)
            .collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut candidates = Vec::new();
        for some in ids.chunks(CANDIDATES_MAX) {
            let mut names =
                if is_client { clients::names(self.tx, some).await? } else { rows::subs(self.tx, some).await? };
            let candidate = if is_client { Candidate::client } else { Candidate::person };
            candidates.extend(some.iter().filter_map(|id| Some(candidate(*id, names.remove(id)?))));
            // One more, so that this is not taken for the end.
            if candidates.len() > CANDIDATES_MAX {
                break;
            }
        }
        Ok(candidates)
    }

    /// Subjects that the resource server registered, in the order of their names, as many as one page can look at.
    async fn externals(&mut self, of: &str, who: Who, after: Option<&str>) -> Step<Vec<Candidate>> {
        let mut all = who.externals;
        let ids = who.principals.iter().filter_map(|principal| match principal {
            Principal::External(id) => Some(id.uuid()),
            Principal::Person(_) | Principal::Client(_) | Principal::Group(_) => None,
        });
        for some in ids.collect::<Vec<_>>().chunks(KEYS_MAX) {
            let names = subjects::names(self.tx, some).await?;
            all.extend(names.into_values().filter_map(|name| ObjectRef::parse(&name).ok()));
        }
        let is_next = |name: &&ObjectRef| name.object_type() == of && after.is_none_or(|after| name.id() > after);
        let next: Vec<_> = all.iter().filter(is_next).collect();
        let mut candidates = Vec::new();
        for some in next.chunks(CANDIDATES_MAX) {
            let names: Vec<_> = some.iter().map(|name| name.as_str().to_owned()).collect();
            let known = decisions::external_subjects(self.tx, self.at, &names).await?;
            let here = some.iter().filter(|name| known.values.contains_key(name.as_str()));
            candidates.extend(here.map(|name| Candidate::external((*name).clone())));
            if candidates.len() > CANDIDATES_MAX {
                break;
            }
        }
        Ok(candidates)
    }
}
