//! A database with a world in it, and servers on it.

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::{self, Database};
use crate::program::Program;
use crate::wire::Request;
use crate::world::{Object, Question, World, type_name};

pub struct Site {
    pub world: World,
    pub database: Database,
    folder: TempDir,
    /// Of the client that asks for decisions, and of an operator.
    basic: String,
    key: String,
}

/// What the searches are for: `everywhere` has it on everything, `thrice` on three resources.
pub const SEARCHED: &str = "a0:type0";

fn secret(made: &Value, member: &str) -> String {
    made[member].as_str().unwrap().to_owned()
}

impl Site {
    pub async fn build(server: &str, what: &str, world: World) -> Self {
        println!("  {what}: {} people, {} resources", world.people, world.resources);
        let (database, folder) = (Database::create(server, what), tempfile::tempdir().unwrap());
        let mut site = Self { world, database, folder, basic: String::new(), key: String::new() };
        let program = site.serve().await;
        let rules = site.folder.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        load::write_files(&rules);
        program.command(&format!("authz apply {}", rules.display()));
        let caller = program.command("client create caller --resource-server bench --decision-caller");
        let basic = format!("caller:{}", secret(&caller, "client_secret"));
        site.basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(basic));
        for person in ["operator", "newcomer", "everywhere", "thrice"] {
            program.command(&format!("user create {person}"));
        }
        program.command("assign add user:operator --resource-server doorward --role admin");
        let key = program.command("api-key create user:operator --name bench --permission *:*");
        site.key = format!("Bearer {}", secret(&key, "secret"));
        let give = |whom: &str, on: &str| {
            program.command(&format!("assign add user:{whom} --resource-server bench --permission {SEARCHED}{on}"));
        };
        give("everywhere", "");
        // The last of them all, so that whoever looks at one after the other looks long.
        for nth in 1..=3 {
            give("thrice", &format!(" --on {}", Object { of: 0, id: site.world.count(0) - nth }));
        }
        drop(program);
        load::load(&site.database, &site.world);
        site
    }

    pub async fn serve(&self) -> Program {
        let key = self.folder.path().join("master.key").display().to_string();
        Program::start(&[("DOORWARD_DATABASE_URL", &self.database.url), ("DOORWARD_KEYS_MASTER_KEY_FILE", &key)]).await
    }

    /// One evaluation of each question; about people, or about what is nobody's type.
    pub fn evaluations(&self, questions: &[Question], subject_type: &str) -> Vec<Request> {
        let is_known = subject_type == "user";
        let answer = |question: &Question| json!({ "decision": is_known && question.allowed }).to_string();
        let evaluation = |q: &Question| self.ask("evaluation", &q.body(subject_type), Some(answer(q)));
        questions.iter().map(evaluation).collect()
    }

    /// The same questions, so many in one request.
    pub fn batches(&self, questions: &[Question], of: usize) -> Vec<Request> {
        let batch = |questions: &[Question]| {
            let asked: Vec<_> = questions.iter().map(|question| question.body("user")).collect();
            let answers: Vec<_> = questions.iter().map(|question| json!({ "decision": question.allowed })).collect();
            let answer = json!({ "evaluations": answers }).to_string();
            self.ask("evaluations", &json!({ "evaluations": asked }), Some(answer))
        };
        questions.chunks(of).map(batch).collect()
    }

    /// For each question one request: may this person do that with each of so many resources of the type?
    pub fn lists(&self, questions: &[Question], of: usize) -> Vec<Request> {
        let list = |question: &Question| {
            let Object { of: type_of, id } = question.object;
            let count = self.world.count(type_of);
            let objects: Vec<_> = (0..of).map(|n| Object { of: type_of, id: (id + n * 7) % count }).collect();
            let resource = |object: &Object| json!({ "type": type_name(object.of), "id": format!("{:07}", object.id) });
            let asked: Vec<_> = objects.iter().map(|object| json!({ "resource": resource(object) })).collect();
            let allows = |object: &Object| self.world.allows(question.person, question.action, *object);
            let answers: Vec<_> = objects.iter().map(|object| json!({ "decision": allows(object) })).collect();
            let mut body = question.body("user");
            body["evaluations"] = asked.into();
            self.ask("evaluations", &body, Some(json!({ "evaluations": answers }).to_string()))
        };
        questions.iter().map(list).collect()
    }

    pub fn ask(&self, what: &str, body: &Value, answer: Option<String>) -> Request {
        Request::new("POST", &format!("/access/v1/{what}"), &self.basic, body, answer)
    }

    pub fn administer(&self, verb: &str, path: &str, body: &Value) -> Request {
        Request::new(verb, &format!("/api/v1/{path}"), &self.key, body, None)
    }

    pub fn search(&self, whom: &str) -> Request {
        let (action, of) = SEARCHED.split_once(':').unwrap();
        let body = json!({
            "subject": { "type": "user", "id": whom }, "action": { "name": action }, "resource": { "type": of },
            "page": { "limit": 50 },
        });
        self.ask("search/resource", &body, None)
    }
}
