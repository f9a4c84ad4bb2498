//! From a subject to the resources it may reach: what it and its groups hold on single resources, and the edges that name
//! them, backwards. Many resources are looked at together, one statement for each kind of edge and step.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::ways::Ways;
use super::{Narrow, Step, Stop, refuse_permits};
use crate::decision::candidates::{self, Candidate};
use crate::decision::engine::{self, AtLarge, OBJECT_DEPTH_MAX, Query, SubjectRef, SubjectState, World as _};
use crate::decision::load::KEYS_MAX;
use crate::decision::search::CANDIDATES_MAX;
use crate::decision::snapshot::Covering;
use crate::domain::assignment::{Effect, Principal};
use crate::domain::model::{CLIENT, Model, PARENT, USER};
use crate::domain::name::Segment;
use crate::domain::object::{EdgeSubject, ObjectRef};
use crate::store::search::{self as rows, Incoming, Scoped, Towards};

/// What a subject may have of a resource.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Reached {
    object: ObjectRef,
    /// None for something that is held on it and all below it.
    relation: Option<String>,
}

/// What was reached, and what leads on from there.
#[derive(Default)]
struct Reach {
    seen: HashSet<Reached>,
    open: Vec<Reached>,
    /// Edges to resources that were looked at.
    incoming: HashMap<String, Vec<Incoming>>,
}

impl Reach {
    fn add(&mut self, object: &ObjectRef, relation: Option<&str>) {
        let reached = Reached { object: object.clone(), relation: relation.map(str::to_owned) };
        if self.seen.insert(reached.clone()) {
            self.open.push(reached);
        }
    }

    fn objects(self, is_wanted: impl Fn(&Reached) -> bool) -> BTreeSet<ObjectRef> {
        self.seen.into_iter().filter(is_wanted).map(|reached| reached.object).collect()
    }

    /// Goes on as far as the edges are known; gives those that wait for edges.
    fn follow(&mut self, ways: &Ways<'_>) -> Vec<Reached> {
        let mut waiting = Vec::new();
        while let Some(reached) = self.open.pop() {
            let leads_on = match &reached.relation {
                None => ways.is_inherited(),
                Some(relation) => {
                    for including in ways.including(&reached.object, relation) {
                        self.add(&reached.object, Some(including));
                    }
                    ways.leads_on(&reached.object, relation)
                }
            };
            if !leads_on {
                continue;
            }
            // Taken out while it is walked, since what is reached is added meanwhile.
            match self.incoming.remove_entry(reached.object.as_str()) {
                None => waiting.push(reached),
                Some((object, edges)) => {
                    for edge in &edges {
                        self.step(ways, &reached, edge);
                    }
                    self.incoming.insert(object, edges);
                }
            }
        }
        waiting
    }

    fn step(&mut self, ways: &Ways<'_>, reached: &Reached, edge: &Incoming) {
        let (object, via) = (&edge.object, edge.relation.as_str());
        match (&reached.relation, edge.subject_relation.as_str()) {
            (None, "") if via == PARENT && ways.has_parents(object.object_type()) => self.add(object, None),
            (Some(relation), "") => {
                for taking in ways.taking(object, via, relation) {
                    self.add(object, Some(taking));
                }
            }
            (Some(relation), userset) if userset == relation && ways.has(object, via) => self.add(object, Some(via)),
            (None | Some(_), _) => {}
        }
    }
}

impl Narrow<'_, '_> {
    /// The next registered resources that the subject may reach.
    ///
    /// # Errors
    /// [`Stop::Wide`] where that is too much to tell.
    pub(in crate::decision) async fn resources(mut self, query: &Query, after: Option<&str>) -> Step<Vec<Candidate>> {
        let snapshot = self.view.shared_snapshot();
        refuse_permits(&snapshot, query)?;
        let Some(SubjectState::Active(principal)) = self.view.subject(&query.subject) else { return Err(Stop::Wide) };
        let AtLarge { principals, held } = self.at_large(principal).await?;
        let covering = snapshot.covering(&query.action, &query.resource_type);
        let (denies, allows): (Vec<_>, Vec<_>) =
            held.iter().filter(|a| covering.covers(&a.held)).partition(|a| a.effect == Effect::Deny);
        if !denies.is_empty() {
            return Ok(Vec::new());
        }
        if !allows.is_empty() {
            return Err(Stop::Wide);
        }
        let mut reach = Reach::default();
        self.scoped(&principals, &covering, &mut reach).await?;
        let found = match snapshot.model() {
            // Nothing is in anything, and nothing is related.
            None => reach.objects(|_| true),
            Some(model) => {
                let ways = Ways::new(model, &query.action, &query.resource_type);
                let names = names(model, &query.subject, principal, &principals);
                self.named(&ways, &names, &mut reach).await?;
                self.close(&ways, &mut reach).await?;
                reach.objects(|reached| match &reached.relation {
                    None => true,
                    Some(relation) => ways.is_granting(&reached.object, relation),
                })
            }
        };
        let is_next = |object: &&ObjectRef| {
            object.object_type() == query.resource_type && after.is_none_or(|after| object.id() > after)
        };
        let next: Vec<_> = found.iter().filter(is_next).collect();
        self.registered(&next).await
    }

    /// What is held on single resources.
    async fn scoped(&mut self, principals: &[Principal], covering: &Covering<'_>, reach: &mut Reach) -> Step<()> {
        let limit = self.limit();
        let all = rows::scoped(self.tx, self.at, principals, limit).await?;
        self.spend(all.len())?;
        let counts = |held: &&Scoped| held.effect == Effect::Allow && held.interval.contains(self.now);
        let covers = all.iter().filter(counts).filter(|held| covering.covers(&held.held));
        covers.for_each(|held| reach.add(&held.scope, None));
        Ok(())
    }

    /// What edges say of the subject by one of its names.
    async fn named(&mut self, ways: &Ways<'_>, names: &[EdgeSubject], reach: &mut Reach) -> Step<()> {
        let mut of_kind: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for name in names {
            let (kind, text, relation) = name.columns();
            of_kind.entry((kind, relation)).or_default().push(text);
        }
        let relations = ways.names();
        if relations.is_empty() {
            return Ok(());
        }
        for ((kind, relation), subjects) in of_kind {
            let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
            let towards = Towards { kind, subjects: &subjects, subject_relations: &[relation], relations: &relations };
            let limit = self.limit();
            let edges = rows::edges_to(self.tx, self.at, towards, limit).await?;
            self.spend(edges.len())?;
            let of_way = edges.iter().filter(|edge| ways.has(&edge.object, edge.relation.as_str()));
            of_way.for_each(|edge| reach.add(&edge.object, Some(edge.relation.as_str())));
        }
        Ok(())
    }

    /// Goes on from what was reached until nothing is new.
    async fn close(&mut self, ways: &Ways<'_>, reach: &mut Reach) -> Step<()> {
        // A decision goes no further: where more is to be walked, it may be over its budget, and must say so.
        for _ in 0..=OBJECT_DEPTH_MAX {
            let waiting = reach.follow(ways);
            if waiting.is_empty() {
                return Ok(());
            }
            let objects: BTreeSet<_> = waiting.iter().map(|reached| reached.object.as_str()).collect();
            let objects: Vec<_> = objects.into_iter().collect();
            let (via, names, usersets) = (ways.via(), ways.names(), ways.usersets());
            for subjects in objects.chunks(KEYS_MAX) {
                let plain = Towards { kind: "object", subjects, subject_relations: &[""], relations: &via };
                let userset = Towards { kind: "userset", subjects, subject_relations: &usersets, relations: &names };
                for towards in [plain, userset] {
                    self.look(towards, reach).await?;
                }
            }
            for object in objects {
                reach.incoming.entry(object.to_owned()).or_default();
            }
            reach.open = waiting;
        }
        Err(Stop::Wide)
    }

    async fn look(&mut self, towards: Towards<'_>, reach: &mut Reach) -> Step<()> {
        if towards.relations.is_empty() || towards.subject_relations.is_empty() {
            return Ok(());
        }
        let limit = self.limit();
        let edges = rows::edges_to(self.tx, self.at, towards, limit).await?;
        self.spend(edges.len())?;
        for edge in edges {
            reach.incoming.entry(edge.subject.clone()).or_default().push(edge);
        }
        Ok(())
    }

    /// Those that are registered, as many as one page can look at.
    async fn registered(&mut self, objects: &[&ObjectRef]) -> Step<Vec<Candidate>> {
        let mut candidates = Vec::new();
        for some in objects.chunks(CANDIDATES_MAX) {
            let names: Vec<_> = some.iter().map(|object| object.as_str()).collect();
            let registered = rows::registered(self.tx, self.at, &names).await?;
            let here = some.iter().filter(|object| registered.contains(object.as_str()));
            candidates.extend(here.map(|object| Candidate::resource((*object).clone())));
            // One more, so that this is not taken for the end.
            if candidates.len() > CANDIDATES_MAX {
                break;
            }
        }
        Ok(candidates)
    }
}

/// Everything by which edges mean a subject: itself, its groups, everybody.
fn names(model: &Model, subject: &SubjectRef, principal: Principal, principals: &[Principal]) -> Vec<EdgeSubject> {
    let groups = principals.iter().filter(|principal| matches!(principal, Principal::Group(_)));
    let mut names: Vec<_> = groups.map(|group| EdgeSubject::Principal(*group)).collect();
    names.push(engine::of_edges(subject, principal));
    let types = model.subjects.keys().map(Segment::as_str).chain([USER, CLIENT]);
    let types: BTreeSet<_> = types.filter(|of| candidates::are_like(model, of, subject)).collect();
    names.extend(types.into_iter().filter_map(|of| Segment::parse(of).ok()).map(EdgeSubject::Everyone));
    names
}
