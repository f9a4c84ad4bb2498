//! Whatever a restricted operator does in whatever small world: nobody may afterwards do what neither they nor the operator
//! might before.

use std::collections::HashSet;

use doorward::admin::rules::RuleChange;
use doorward::domain::assignment::Effect;
use doorward::domain::model::Model;
use doorward::domain::time::Interval;
use serde_json::{Value, json};

use super::super::support::Operator;
use super::scopes::folders;
use super::{deny, gift, on};
use crate::support::{House, both, evaluation, permission, slug};

const WORLDS: u64 = 24;
const ACTS: usize = 16;
const PERMISSIONS: [&str; 6] =
    ["read:document", "update:document", "delete:document", "read:*", "*:folder", "*:document"];

/// Chance that comes out the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) >> 33).unwrap() % sides
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

struct World {
    dice: Dice,
    operator: String,
    groups: Vec<String>,
    roles: Vec<String>,
    objects: Vec<String>,
}

impl World {
    /// Each group has a client in it that shows what it is worth.
    async fn build(house: &House, number: u64) -> Self {
        let name = |kind: &str, i: usize| format!("{kind}{number}-{i}");
        let all = |kind: &str, count| (0..count).map(|i| name(kind, i)).collect::<Vec<_>>();
        let objects = [all("folder:", 2), all("document:", 3)].concat();
        let mut dice = Dice(number);
        let (groups, roles, operator) = (all("g", 3), all("r", 4), format!("client:op-{number}"));
        let admin = house.node().admin();
        let of_group = format!("permit(principal in Group::\"{}\", action == Action::\"read\", resource);", groups[2]);
        let of_role = format!("permit(principal in Role::\"{}\", action == Action::\"update\", resource);", roles[3]);
        let policies = Some(dice.pick(&[String::new(), of_group, of_role]));
        let change = RuleChange { model: Some(Model::parse(&folders()).unwrap()), policies };
        admin.put_rules(&slug("notes"), &change).await.unwrap();
        for role in roles.iter().rev() {
            let includes: Vec<_> = (1..=3).filter(|_| dice.roll(3) == 0).map(|i| slug(&name("r", i))).collect();
            let includes: Vec<_> = includes.into_iter().filter(|r| r.as_str() > role.as_str()).collect();
            let permissions = (0..dice.roll(3)).map(|_| permission(dice.pick(&PERMISSIONS))).collect();
            admin.create_role(&slug("notes"), slug(role), permissions, &includes).await.unwrap();
        }
        for (group, probe) in groups.iter().zip(["client:bot", "client:post", "client:two"]) {
            house.joins(probe, group, Interval::ALWAYS).await;
        }
        if dice.roll(2) == 0 {
            house.joins(&format!("group:{}", groups[0]), &groups[1], Interval::ALWAYS).await;
        }
        house.joins(&operator, &dice.pick(&groups), Interval::ALWAYS).await;
        house
            .relate(&[
                &format!("{}#parent@{}", objects[1], objects[0]),
                &format!("{}#parent@{}", objects[2], objects[1]),
            ])
            .await;
        if dice.roll(2) == 0 {
            house.relate(&[&format!("{}#reader@group:{}#member", objects[3], groups[1])]).await;
        }
        let mut world = Self { dice, operator, groups, roles, objects };
        let mut given = HashSet::new();
        for _ in 0..9 {
            let (to, held, scope) = (world.somebody(), world.something(), world.somewhere());
            let effect = if world.dice.roll(6) == 0 { Effect::Deny } else { Effect::Allow };
            // Mostly the operator: who holds nothing can do nothing.
            let to = if world.dice.roll(2) == 0 { world.operator.clone() } else { to };
            if given.insert((to.clone(), held.clone(), scope.clone(), effect == Effect::Deny)) {
                house.gives(&to, &held, scope.as_deref(), effect).await;
            }
        }
        world
    }

    fn somebody(&mut self) -> String {
        let groups = self.groups.iter().map(|group| format!("group:{group}"));
        let all: Vec<_> = groups.chain(["user:bob".into(), "user:carol".into(), self.operator.clone()]).collect();
        self.dice.pick(&all)
    }

    fn something(&mut self) -> String {
        let all: Vec<_> = PERMISSIONS.map(str::to_owned).into_iter().chain(self.roles.clone()).collect();
        self.dice.pick(&all)
    }

    fn somewhere(&mut self) -> Option<String> {
        (self.dice.roll(2) == 0).then(|| self.dice.pick(&self.objects))
    }

    /// Something the operator may try.
    async fn act(&mut self, operator: &Operator<'_>) -> u16 {
        let roles = "/api/v1/resource-servers/notes/roles";
        let (group, role, held) = (self.dice.pick(&self.groups), self.dice.pick(&self.roles), self.something());
        let members = format!("/api/v1/groups/{group}/members");
        match self.dice.roll(8) {
            0..=2 => {
                let body = gift(&self.somebody(), "notes", &held);
                let body = if let Some(scope) = self.somewhere() { on(body, &scope) } else { body };
                let body = if self.dice.roll(5) == 0 { deny(body) } else { body };
                operator.gives(&body).await.status
            }
            3 | 4 => {
                let given = operator.got("/api/v1/assignments?resource_server=notes").await;
                let ids: Vec<_> = given["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
                operator.delete(&format!("/api/v1/assignments/{}", self.dice.pick(&ids).as_str().unwrap())).await.status
            }
            5 => operator.post(&members, &json!({ "member": self.somebody() })).await.status,
            6 => operator.delete(&format!("{members}/{}", self.somebody())).await.status,
            _ => {
                let (add, member) =
                    (self.dice.roll(3) > 0, if held.contains(':') { "permissions" } else { "includes" });
                let change = json!({ format!("{}_{member}", if add { "add" } else { "remove" }): [held] });
                operator.patch(&format!("{roles}/{role}"), &change).await.status
            }
        }
    }

    /// Who may do what to what: of everybody, the operator last.
    async fn decided(&self, house: &House) -> Vec<Vec<bool>> {
        let who = ["user:bob", "user:carol", "client:bot", "client:post", "client:two", &self.operator];
        let asked: Vec<Value> = who.iter().flat_map(|who| self.questions(who)).collect();
        let per_subject = asked.len() / who.len();
        let body = json!({ "evaluations": asked });
        let answer = house.json("/access/v1/evaluations", &house.notes_api(), &body).await.json();
        let decisions =
            answer["evaluations"].as_array().unwrap().iter().map(|item| item["decision"].as_bool().unwrap());
        decisions.collect::<Vec<_>>().chunks(per_subject).map(<[bool]>::to_vec).collect()
    }

    fn questions(&self, who: &str) -> Vec<Value> {
        let (kind, id) = who.split_once(':').unwrap();
        let about = |action: &str, object: &String| {
            let (of, object) = object.split_once(':').unwrap();
            evaluation(kind, id, action, of, object)
        };
        ["read", "update", "delete"].iter().flat_map(|action| self.objects.iter().map(|o| about(action, o))).collect()
    }
}

both! {
    async fn nobody_gains_what_the_operator_did_not_hold(house: House) {
        let (mut done, mut refused, mut gained) = (0, 0, 0);
        let root = house.root().await;
        for number in 0..WORLDS {
            let operator = house.operator(&format!("op-{number}"), &["*:assignment", "*:role", "*:member"]).await;
            let mut world = World::build(&house, number).await;
            house.mark(&root).await;
            let before = world.decided(&house).await;
            let held = before.last().unwrap();
            for act in 0..ACTS {
                match world.act(&operator).await {
                    200..300 => done += 1,
                    403 => {
                        refused += 1;
                        continue;
                    }
                    _ => continue,
                }
                let now = world.decided(&house).await;
                for (subject, (was, is)) in before.iter().zip(&now).enumerate() {
                    for (question, ((was, is), held)) in was.iter().zip(is).zip(held).enumerate() {
                        assert!(*was || !is || *held, "world {number}, act {act}: {subject} gained {question}");
                        gained += usize::from(!was && *is);
                    }
                }
            }
            let admin = house.node().admin();
            for item in root.pages("/api/v1/assignments?resource_server=notes", 200).await.0 {
                admin.remove_assignment(item["id"].as_str().unwrap().parse().unwrap()).await.unwrap();
            }
        }
        assert!(done > 50 && refused > 50 && gained > 50, "{done} done, {refused} refused, {gained} gained");
    }
}
