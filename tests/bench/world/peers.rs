//! The same questions, asked of others: `cedar-policy` in this process, `casbin` in a program of its own.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicyId, PolicySet, Request,
    RestrictedExpression, SlotId, Template,
};

use crate::world::{self, Ends, Held, Kind, Object, Permission, Question, RECORD, World};

fn uid(of: &str, id: impl std::fmt::Display) -> EntityUid {
    format!("{of}::\"{id}\"").parse().unwrap()
}

fn action((action, of): Permission) -> EntityUid {
    uid("Action", format_args!("a{action}:{}", world::type_name(of)))
}

fn role(role: usize) -> EntityUid {
    uid("Role", format_args!("role{role}"))
}

/// What a person holds of the world, that the question is not about time.
fn held(world: &World, person: usize) -> impl Iterator<Item = (usize, usize, Option<Object>)> {
    let all = (0..world::PER_PERSON).map(move |nth| (nth, world.held(person, nth)));
    all.filter(|(_, held)| held.ends != Ends::Already).filter_map(|(nth, held)| match held.held {
        Held::Role(role) => Some((nth, role, held.on)),
        Held::Below => None,
    })
}

/// Everything the roles say and the people hold, as policies and entities: a policy for each role, a template linked for
/// each assignment on one resource, parents for the rest.
pub struct Cedar {
    policies: PolicySet,
    entities: Entities,
}

impl Cedar {
    pub fn new(world: &World) -> Self {
        let mut policies = PolicySet::new();
        for number in 0..world::ROLES {
            policies.add(of_role(number)).unwrap();
            let text =
                format!("permit (principal == ?principal, action in Action::\"role{number}\", resource == ?resource);");
            policies.add_template(Template::parse(Some(template(number)), text).unwrap()).unwrap();
        }
        for person in 0..world.people {
            link(&mut policies, world, person);
        }
        let mut above: HashMap<Permission, HashSet<EntityUid>> = HashMap::new();
        for (number, permissions) in world.roles.iter().enumerate() {
            for permission in permissions {
                above.entry(*permission).or_default().insert(uid("Action", format_args!("role{number}")));
            }
        }
        let entity = |uid, parents: HashSet<_>| Entity::new(uid, HashMap::new(), parents).unwrap();
        let actions = above.into_iter().map(|(permission, above)| entity(action(permission), above));
        let roles = (0..world::ROLES).map(|n| entity(role(n), world::includes(n).into_iter().map(role).collect()));
        let people = (0..world.people).map(|person| {
            let everywhere = held(world, person).filter(|(.., on)| on.is_none()).map(|(_, held, _)| role(held));
            entity(uid("User", person), everywhere.collect())
        });
        Self { policies, entities: Entities::from_entities(actions.chain(roles).chain(people), None).unwrap() }
    }

    pub fn policies(&self) -> usize {
        self.policies.policies().count()
    }

    /// The median of a check, over all that the world says.
    pub fn whole(&self, questions: &[Question]) -> Duration {
        median(questions, |question| (request(question, Context::empty()), &self.policies, &self.entities))
    }

    /// The same where somebody else found the policies that could matter, beforehand.
    pub fn sliced(&self, world: &World, questions: &[Question]) -> Duration {
        let slice = |question: &Question| {
            let mut policies = PolicySet::new();
            let asked = (question.action, question.object.of);
            for number in (0..world::ROLES).filter(|role| world::own(*role).contains(&asked)) {
                policies.add(of_role(number)).unwrap();
            }
            for (_, number, _) in held(world, question.person).filter(|(.., on)| on.is_some()) {
                if policies.template(&template(number)).is_none() {
                    policies.add_template(self.policies.template(&template(number)).unwrap().clone()).unwrap();
                }
            }
            link(&mut policies, world, question.person);
            policies
        };
        let slices: HashMap<_, _> = questions.iter().map(|q| ((q.person, q.action, q.object.of), slice(q))).collect();
        median(questions, |question| {
            let slice = &slices[&(question.person, question.action, question.object.of)];
            (request(question, Context::empty()), slice, &self.entities)
        })
    }
}

fn template(role: usize) -> PolicyId {
    PolicyId::new(format!("on-one-resource-role{role}"))
}

fn of_role(number: usize) -> Policy {
    let actions: Vec<_> = world::own(number).into_iter().map(|own| action(own).to_string()).collect();
    let text = format!("permit (principal in {}, action in [{}], resource);", role(number), actions.join(", "));
    Policy::parse(Some(PolicyId::new(format!("role{number}"))), text).unwrap()
}

fn link(policies: &mut PolicySet, world: &World, person: usize) {
    for (nth, number, on) in held(world, person) {
        let Some(on) = on else { continue };
        let id = PolicyId::new(format!("held-{person}-{nth}"));
        let values = [(SlotId::principal(), uid("User", person)), (SlotId::resource(), uid("Resource", on))];
        policies.link(template(number), id, values.into()).unwrap();
    }
}

fn request(question: &Question, context: Context) -> Request {
    let action = action((question.action, question.object.of));
    Request::new(uid("User", question.person), action, uid("Resource", question.object), context, None).unwrap()
}

fn median<'a>(questions: &[Question], ready: impl Fn(&Question) -> (Request, &'a PolicySet, &'a Entities)) -> Duration {
    let authorizer = Authorizer::new();
    let check = |question: &Question| {
        let (request, policies, entities) = ready(question);
        let started = Instant::now();
        let answer = authorizer.is_authorized(&request, policies, entities);
        let took = started.elapsed();
        assert_eq!(answer.decision() == Decision::Allow, question.allowed, "Cedar: {question:?}");
        took
    };
    let mut took: Vec<_> = questions.iter().chain(questions).map(check).skip(questions.len()).collect();
    took.sort_unstable();
    took[took.len() / 2]
}

/// The conditional questions, with the world's four policies and two entities, made beforehand.
pub fn conditional(questions: &[Question]) -> Duration {
    let text = world::POLICIES.replace("Subject::user", "User").replace("Action::\"a1\"", "Action::\"a1:record\"");
    let policies: PolicySet = text.replace("Resource::record", "Resource").parse().unwrap();
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let record = |id| {
        let label = if world::is_frozen(id) { "frozen" } else { "draft" };
        let level = RestrictedExpression::new_long(i64::try_from(world::level(id)).unwrap());
        let labels = RestrictedExpression::new_set([text(label), text("internal")]);
        let attributes = [("level".to_owned(), level), ("labels".to_owned(), labels)];
        let record = uid("Resource", Object { of: RECORD, id });
        Entities::from_entities([Entity::new(record, attributes.into(), HashSet::new()).unwrap()], None).unwrap()
    };
    let entities: HashMap<_, _> = questions.iter().map(|q| (q.object.id, record(q.object.id))).collect();
    median(questions, |question| {
        let hour = [("hour".to_owned(), RestrictedExpression::new_long(9))];
        (request(question, Context::from_pairs(hour).unwrap()), &policies, &entities[&question.object.id])
    })
}

/// What `casbin` says of its own times; none where it was not built.
pub fn casbin(world: &World, questions: &[Question]) -> Option<String> {
    let program = std::env::var("DOORWARD_BENCH_CASBIN").ok()?;
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = std::io::BufWriter::new(child.stdin.take().unwrap());
    for number in 0..world::ROLES {
        for (action, of) in world::own(number) {
            writeln!(to, "p, role{number}, a{action}, type{of}").unwrap();
        }
        links(&mut to, number, "everywhere");
    }
    for person in 0..world.people {
        for (_, number, on) in held(world, person) {
            let on = on.map_or_else(|| "everywhere".to_owned(), |on| on.to_string());
            writeln!(to, "g, person{person}, role{number}, {on}").unwrap();
            // A domain knows only the links that are written in it.
            if on != "everywhere" {
                links(&mut to, number, &on);
            }
        }
    }
    writeln!(to).unwrap();
    for question in questions {
        let Question { person, action, object, allowed, .. } = question;
        writeln!(to, "person{person} {object} a{action} type{} {allowed}", object.of).unwrap();
    }
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the program of casbin failed");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The roles that a role includes, in one domain.
fn links(to: &mut impl std::io::Write, role: usize, domain: &str) {
    for included in world::includes(role) {
        writeln!(to, "g, role{role}, role{included}, {domain}").unwrap();
        if domain != "everywhere" {
            links(to, included, domain);
        }
    }
}

/// So many role checks of a world: what both peers can be asked.
pub fn role_checks(world: &World, many: usize) -> Vec<Question> {
    (0..).map(|number| world.question(number)).filter(|question| question.kind == Kind::Role).take(many).collect()
}
