//! A world made by arithmetic: the same in every run and for every engine, with the right answer to each question.

use std::fmt;

use serde_json::{Value, json};

pub const ROLES: usize = 1_000;
pub const ACTIONS: usize = 10;
/// Types of which only roles speak. With those of folders, documents and records they are 200, of ten actions each.
pub const PLAIN: usize = 197;
pub const FOLDER: usize = PLAIN;
pub const DOCUMENT: usize = PLAIN + 1;
pub const RECORD: usize = PLAIN + 2;
const TYPES: usize = PLAIN + 3;
const OWN_PERMISSIONS: usize = 4;
pub const PER_PERSON: usize = 10;
/// What an owner may do with a document, what may be given on a folder, and what the policies speak of.
const OWNED: usize = 0;
const GIVEN_BELOW: usize = 9;
const CONDITIONAL: usize = 1;

/// An action on a type, by their numbers.
pub type Permission = (usize, usize);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Object {
    pub of: usize,
    pub id: usize,
}

pub fn type_name(of: usize) -> String {
    match of {
        FOLDER => "folder".to_owned(),
        DOCUMENT => "document".to_owned(),
        RECORD => "record".to_owned(),
        plain => format!("type{plain}"),
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:07}", type_name(self.of), self.id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    Role(usize),
    /// One permission, on a folder and all below it.
    Below,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    Never,
    Later,
    Already,
}

#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub person: usize,
    pub held: Held,
    pub on: Option<Object>,
    pub ends: Ends,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Role,
    Owner,
    Tree,
    Conditional,
}

#[derive(Clone, Copy, Debug)]
pub struct Question {
    pub kind: Kind,
    pub person: usize,
    pub action: usize,
    pub object: Object,
    pub allowed: bool,
}

pub struct World {
    pub people: usize,
    pub resources: usize,
    /// The permissions of each role and of all it includes.
    pub roles: Vec<Vec<Permission>>,
}

/// The finaliser of SplitMix64: numbers that look like chance.
fn mix(n: usize) -> usize {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

fn chance(salt: usize, n: usize) -> usize {
    mix(mix(salt) ^ n)
}

/// The roles a role includes itself: 1,000 roles stand four deep.
pub fn includes(role: usize) -> Vec<usize> {
    if role.is_multiple_of(4) { Vec::new() } else { vec![(role + ROLES - 1) % ROLES, (role + 3) % ROLES] }
}

pub fn own(role: usize) -> Vec<Permission> {
    (0..OWN_PERMISSIONS).map(|j| ((role + 3 * j) % ACTIONS, (13 * role + 41 * j) % PLAIN)).collect()
}

fn all(role: usize) -> Vec<Permission> {
    let mut all: Vec<_> = includes(role).into_iter().flat_map(all).chain(own(role)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The attributes of a record.
pub fn level(record: usize) -> usize {
    record % 4
}

pub fn is_frozen(record: usize) -> bool {
    record.is_multiple_of(5)
}

impl World {
    pub fn new(people: usize, resources: usize) -> Self {
        Self { people, resources, roles: (0..ROLES).map(all).collect() }
    }

    pub const fn assignments(&self) -> usize {
        self.people * PER_PERSON
    }

    /// How many resources there are of a type: half of them are of the first.
    pub fn count(&self, of: usize) -> usize {
        let (folders, documents) = (self.resources / 100, self.resources / 10);
        let plain = self.resources * 38 / 100 / (PLAIN - 1);
        match of {
            0 => self.resources - documents - 2 * folders - (PLAIN - 1) * plain,
            FOLDER | RECORD => folders,
            DOCUMENT => documents,
            _ => plain,
        }
    }

    pub fn objects(&self) -> impl Iterator<Item = Object> {
        (0..TYPES).flat_map(move |of| (0..self.count(of)).map(move |id| Object { of, id }))
    }

    /// The folder a document or folder is in: folders are up to five deep.
    pub fn parent(&self, object: Object) -> Option<Object> {
        match object.of {
            DOCUMENT => Some(Object { of: FOLDER, id: object.id % self.count(FOLDER) }),
            FOLDER if object.id >= 10 => Some(Object { of: FOLDER, id: object.id / 10 }),
            _ => None,
        }
    }

    /// Who owns a document.
    pub fn owner(&self, document: usize) -> usize {
        chance(1, document) % self.people
    }

    /// One of the ten things a person holds: half of them everywhere, half of them on one resource.
    pub fn held(&self, person: usize, nth: usize) -> Assignment {
        let number = nth * self.people + person;
        let ends = match chance(2, number) % 50 {
            0 => Ends::Already,
            n if n % 5 == 0 => Ends::Later,
            _ => Ends::Never,
        };
        if nth == PER_PERSON - 1 {
            let mut folder = Object { of: FOLDER, id: self.leaf(person) };
            for _ in 0..chance(3, number) % 3 {
                folder = self.parent(folder).unwrap_or(folder);
            }
            return Assignment { person, held: Held::Below, on: Some(folder), ends };
        }
        let role = (7 * person + 101 * nth) % ROLES;
        let on = (nth % 2 == 1).then(|| {
            let (_, of) = self.roles[role][chance(4, number) % self.roles[role].len()];
            Object { of, id: chance(5, number) % self.count(of) }
        });
        Assignment { person, held: Held::Role(role), on, ends }
    }

    /// In the order they were made: those of one person lie far apart.
    pub fn all_held(&self) -> impl Iterator<Item = Assignment> {
        (0..self.assignments()).map(move |n| self.held((n * 7_919) % self.people, n / self.people))
    }

    /// The folder in or above which something is given to a person.
    fn leaf(&self, person: usize) -> usize {
        chance(6, person) % self.count(FOLDER)
    }

    fn is_within(&self, object: Object, scope: Object) -> bool {
        object == scope || self.parent(object).is_some_and(|parent| self.is_within(parent, scope))
    }

    /// The right answer, found the long way.
    pub fn allows(&self, person: usize, action: usize, object: Object) -> bool {
        let holds = (0..PER_PERSON).map(|nth| self.held(person, nth)).any(|held| {
            let covers = match held.held {
                Held::Role(role) => self.roles[role].binary_search(&(action, object.of)).is_ok(),
                Held::Below => (action, object.of) == (GIVEN_BELOW, DOCUMENT),
            };
            covers && held.ends != Ends::Already && held.on.is_none_or(|scope| self.is_within(object, scope))
        });
        let owns = (action, object.of) == (OWNED, DOCUMENT) && self.owner(object.id) == person;
        let may = (action, object.of) == (CONDITIONAL, RECORD) && level(object.id) < 2 && !is_frozen(object.id);
        holds || owns || may
    }

    /// 80 % role checks, 15 % ownership or tree, 5 % conditional; 30 % are denied.
    pub fn question(&self, number: usize) -> Question {
        let (place, round) = (number % 20, number / 20);
        let kind = match (place, round % 2) {
            (0..16, _) => Kind::Role,
            (16, _) | (17, 0) => Kind::Owner,
            (17 | 18, _) => Kind::Tree,
            _ => Kind::Conditional,
        };
        let allowed = (round + 3 * place) % 10 >= 3;
        let candidates = (0..).map(|attempt| self.candidate(kind, allowed, chance(7, number * 1_000 + attempt)));
        let mut fitting = candidates.filter(|question| question.allowed == allowed);
        fitting.next().expect("there is always another candidate")
    }

    pub fn questions(&self, many: usize) -> Vec<Question> {
        (0..many).map(|number| self.question(number)).collect()
    }

    fn candidate(&self, kind: Kind, allowed: bool, chance: usize) -> Question {
        let (person, other) = (chance % self.people, mix(chance));
        let any = |of| Object { of, id: mix(other) % self.count(of) };
        let (person, action, object) = match kind {
            Kind::Role if allowed => {
                let held = self.held(person, other % (PER_PERSON - 1));
                let Held::Role(role) = held.held else { unreachable!("the last alone is none") };
                let fits = self.roles[role].iter().filter(|(_, of)| held.on.is_none_or(|on| on.of == *of));
                let fits: Vec<_> = fits.collect();
                let (action, of) = fits[mix(other + 1) % fits.len()];
                (person, *action, held.on.unwrap_or_else(|| any(*of)))
            }
            Kind::Role => (person, mix(other + 1) % ACTIONS, any(mix(other + 2) % PLAIN)),
            Kind::Owner if allowed => (self.owner(any(DOCUMENT).id), OWNED, any(DOCUMENT)),
            Kind::Owner => (person, OWNED, any(DOCUMENT)),
            Kind::Tree if allowed => {
                let id = self.leaf(person) + self.count(FOLDER) * (other % 10);
                (person, GIVEN_BELOW, Object { of: DOCUMENT, id })
            }
            Kind::Tree => (person, GIVEN_BELOW, any(DOCUMENT)),
            Kind::Conditional => (person, CONDITIONAL, any(RECORD)),
        };
        Question { kind, person, action, object, allowed: self.allows(person, action, object) }
    }
}

impl Question {
    /// What the context says; policies want to know the hour.
    pub fn context(&self) -> Option<Value> {
        (self.kind == Kind::Conditional).then(|| json!({ "hour": 9 }))
    }

    /// The body of an evaluation, about the subject of this type.
    pub fn body(&self, subject_type: &str) -> Value {
        let mut body = json!({
            "subject": { "type": subject_type, "id": format!("person{}", self.person) },
            "action": { "name": format!("a{}", self.action) },
            "resource": { "type": type_name(self.object.of), "id": format!("{:07}", self.object.id) },
        });
        if let Some(context) = self.context() {
            body["context"] = context;
        }
        body
    }
}

/// The permissions that are declared beside the model: it has no room for so many.
pub fn declared() -> Vec<String> {
    (0..PLAIN).flat_map(|of| (0..ACTIONS).map(move |a| format!("a{a}:{}", type_name(of)))).collect()
}

/// The model, as a file says it.
pub fn model() -> Value {
    let actions: Value = (0..ACTIONS).map(|a| (format!("a{a}"), json!({}))).collect::<serde_json::Map<_, _>>().into();
    let mut types: serde_json::Map<_, _> =
        (PLAIN..TYPES).map(|of| (type_name(of), json!({ "actions": actions.clone() }))).collect();
    types["folder"]["relations"] = json!({ "parent": { "subjects": ["folder"] } });
    types["document"]["relations"] = json!({
        "parent": { "subjects": ["folder"] },
        "owner": { "subjects": ["user"], "grants": [format!("a{OWNED}")] },
    });
    types["record"]["attributes"] = json!({ "level": { "type": "integer" }, "labels": { "type": "strings" } });
    let user = json!({ "kind": "directory" });
    json!({ "subjects": { "user": user }, "resources": types, "context": { "hour": { "type": "integer" } } })
}

/// The roles, as a file says them.
pub fn roles() -> Value {
    let role = |role| {
        let permissions: Vec<_> = own(role).iter().map(|(a, of)| format!("a{a}:{}", type_name(*of))).collect();
        let includes: Vec<_> = includes(role).iter().map(|role| format!("role{role}")).collect();
        (format!("role{role}"), json!({ "permissions": permissions, "includes": includes }))
    };
    json!({ "roles": (0..ROLES).map(role).collect::<serde_json::Map<_, _>>() })
}

pub fn permission_below() -> String {
    format!("a{GIVEN_BELOW}:{}", type_name(DOCUMENT))
}

/// Four policies for one action on records: two that permit, two that forbid.
pub const POLICIES: &str = r#"
@id("the open ones in the daytime")
permit (principal is Subject::user, action == Action::"a1", resource is Resource::record)
when { resource has level && resource.level < 2 && context has hour && context.hour >= 8 };

@id("the lowest for those with a role")
permit (principal in Role::"role1", action == Action::"a1", resource is Resource::record)
when { resource has level && resource.level == 0 };

@id("nothing that is frozen")
forbid (principal, action == Action::"a1", resource is Resource::record)
when { resource has labels && resource.labels.contains("frozen") };

@id("nothing at night")
forbid (principal, action, resource is Resource::record)
when { context has hour && context.hour < 8 };
"#;
