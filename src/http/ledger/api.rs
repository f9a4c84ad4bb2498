//! The rows of the administration API: each names the permission it needs at the resource server `doorward`.

use super::{Caller, Endpoint, Need, Row, Verb};

/// What an operator can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    User(UserOperation),
    Client(ClientOperation),
    Server(ServerOperation),
    Role(RoleOperation),
    Group(GroupOperation),
    Assignment(AssignmentOperation),
    Rules(RulesOperation),
    Registry(RegistryOperation),
    ApiKey(ApiKeyOperation),
    ReadAudit,
    ShowFact,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UserOperation {
    Create,
    List,
    Show,
    Update,
    Disable,
    Enable,
    Lock,
    Unlock,
    SetPassword,
    SignOut,
    Sessions,
    Consents,
    Withdraw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientOperation {
    Create,
    List,
    Show,
    Disable,
    Enable,
    RotateSecret,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerOperation {
    Create,
    List,
    Show,
    Declare,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoleOperation {
    Create,
    List,
    Show,
    Update,
    Delete,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupOperation {
    Create,
    List,
    Show,
    AddMember,
    ListMembers,
    RemoveMember,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AssignmentOperation {
    Create,
    List,
    Show,
    Delete,
}

/// The model and policies of a resource server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RulesOperation {
    Show,
    Put,
    Versions,
    ModelVersion,
    PoliciesVersion,
    Schema,
    Activate,
}

/// What a resource server registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistryOperation {
    WriteRelations,
    ListRelations,
    WriteResources,
    ListResources,
    PutSubjects,
    ListSubjects,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ApiKeyOperation {
    Create,
    List,
    Show,
    Revoke,
}

const fn row(verb: Verb, path: &'static str, operation: Operation, need: Need) -> Row {
    Row {
        verb,
        path,
        endpoint: Endpoint::Operation(operation),
        caller: Caller::Operator(need),
        cors: false,
        // One test asks every row without credentials, and with those of somebody who holds everything but its permission.
        refused_by: "an_operation_needs_an_operator_who_holds_its_permission",
    }
}

/// A permission on all of a type.
const fn all(action: &'static str, resource_type: &'static str) -> Need {
    Need { action, resource_type, target: None }
}

/// A permission on the one that a parameter of the path names.
const fn one(action: &'static str, resource_type: &'static str, target: &'static str) -> Need {
    Need { action, resource_type, target: Some(target) }
}

const fn user(verb: Verb, path: &'static str, operation: UserOperation, need: Need) -> Row {
    row(verb, path, Operation::User(operation), need)
}

const fn client(verb: Verb, path: &'static str, operation: ClientOperation, need: Need) -> Row {
    row(verb, path, Operation::Client(operation), need)
}

const fn server(verb: Verb, path: &'static str, operation: ServerOperation, need: Need) -> Row {
    row(verb, path, Operation::Server(operation), need)
}

const fn role(verb: Verb, path: &'static str, operation: RoleOperation, need: Need) -> Row {
    row(verb, path, Operation::Role(operation), need)
}

const fn group(verb: Verb, path: &'static str, operation: GroupOperation, need: Need) -> Row {
    row(verb, path, Operation::Group(operation), need)
}

const fn assignment(verb: Verb, path: &'static str, operation: AssignmentOperation, need: Need) -> Row {
    row(verb, path, Operation::Assignment(operation), need)
}

const fn rules(verb: Verb, path: &'static str, operation: RulesOperation, action: &'static str) -> Row {
    row(verb, path, Operation::Rules(operation), one(action, "rules", "server"))
}

const fn registry(verb: Verb, path: &'static str, operation: RegistryOperation, need: Need) -> Row {
    row(verb, path, Operation::Registry(operation), need)
}

const fn api_key(verb: Verb, path: &'static str, operation: ApiKeyOperation, need: Need) -> Row {
    row(verb, path, Operation::ApiKey(operation), need)
}

const ROLES: &str = "/api/v1/resource-servers/{server}/roles";
const ROLE: &str = "/api/v1/resource-servers/{server}/roles/{role}";

const RULES: &str = "/api/v1/resource-servers/{server}/rules";
const MODEL: &str = "/api/v1/resource-servers/{server}/rules/models/{version}";
const POLICIES: &str = "/api/v1/resource-servers/{server}/rules/policies/{version}";
const RELATIONS: &str = "/api/v1/resource-servers/{server}/relations";
const RESOURCES: &str = "/api/v1/resource-servers/{server}/resources";
const SUBJECTS: &str = "/api/v1/resource-servers/{server}/subjects";

use ApiKeyOperation as Key;
use AssignmentOperation as Assignment;
use ClientOperation as Client;
use GroupOperation as Group;
use RegistryOperation as Registry;
use RoleOperation as Role;
use RulesOperation as Rules;
use ServerOperation as Server;
use UserOperation as User;
use Verb::{Delete, Get, Patch, Post, Put};

pub const API: [Row; 57] = [
    user(Post, "/api/v1/users", User::Create, all("create", "user")),
    user(Get, "/api/v1/users", User::List, all("read", "user")),
    user(Get, "/api/v1/users/{user}", User::Show, one("read", "user", "user")),
    user(Patch, "/api/v1/users/{user}", User::Update, one("update", "user", "user")),
    user(Post, "/api/v1/users/{user}/disable", User::Disable, one("disable", "user", "user")),
    user(Post, "/api/v1/users/{user}/enable", User::Enable, one("enable", "user", "user")),
    user(Post, "/api/v1/users/{user}/lock", User::Lock, one("lock", "user", "user")),
    user(Post, "/api/v1/users/{user}/unlock", User::Unlock, one("unlock", "user", "user")),
    user(Put, "/api/v1/users/{user}/password", User::SetPassword, one("set-password", "user", "user")),
    user(Post, "/api/v1/users/{user}/sign-out", User::SignOut, one("sign-out", "user", "user")),
    user(Get, "/api/v1/users/{user}/sessions", User::Sessions, one("read", "session", "user")),
    user(Get, "/api/v1/users/{user}/consents", User::Consents, one("read", "consent", "user")),
    user(Delete, "/api/v1/users/{user}/consents/{client}", User::Withdraw, one("withdraw", "consent", "user")),
    client(Post, "/api/v1/clients", Client::Create, all("create", "client")),
    client(Get, "/api/v1/clients", Client::List, all("read", "client")),
    client(Get, "/api/v1/clients/{client}", Client::Show, one("read", "client", "client")),
    client(Post, "/api/v1/clients/{client}/disable", Client::Disable, one("disable", "client", "client")),
    client(Post, "/api/v1/clients/{client}/enable", Client::Enable, one("enable", "client", "client")),
    client(Post, "/api/v1/clients/{client}/secret", Client::RotateSecret, one("rotate-secret", "client", "client")),
    server(Post, "/api/v1/resource-servers", Server::Create, all("create", "resource-server")),
    server(Get, "/api/v1/resource-servers", Server::List, all("read", "resource-server")),
    server(Get, "/api/v1/resource-servers/{server}", Server::Show, one("read", "resource-server", "server")),
    server(
        Post,
        "/api/v1/resource-servers/{server}/permissions",
        Server::Declare,
        one("update", "resource-server", "server"),
    ),
    role(Post, ROLES, Role::Create, one("create", "role", "server")),
    role(Get, ROLES, Role::List, one("read", "role", "server")),
    role(Get, ROLE, Role::Show, one("read", "role", "server")),
    role(Patch, ROLE, Role::Update, one("update", "role", "server")),
    role(Delete, ROLE, Role::Delete, one("delete", "role", "server")),
    rules(Get, RULES, Rules::Show, "read"),
    rules(Put, RULES, Rules::Put, "update"),
    rules(Get, "/api/v1/resource-servers/{server}/rules/versions", Rules::Versions, "read"),
    rules(Get, MODEL, Rules::ModelVersion, "read"),
    rules(Get, POLICIES, Rules::PoliciesVersion, "read"),
    rules(Get, "/api/v1/resource-servers/{server}/rules/schema", Rules::Schema, "read"),
    rules(Post, "/api/v1/resource-servers/{server}/rules/activate", Rules::Activate, "update"),
    registry(Post, RELATIONS, Registry::WriteRelations, one("write", "relation", "server")),
    registry(Get, RELATIONS, Registry::ListRelations, one("read", "relation", "server")),
    registry(Post, RESOURCES, Registry::WriteResources, one("write", "resource", "server")),
    registry(Get, RESOURCES, Registry::ListResources, one("read", "resource", "server")),
    registry(Post, SUBJECTS, Registry::PutSubjects, one("write", "subject", "server")),
    registry(Get, SUBJECTS, Registry::ListSubjects, one("read", "subject", "server")),
    group(Post, "/api/v1/groups", Group::Create, all("create", "group")),
    group(Get, "/api/v1/groups", Group::List, all("read", "group")),
    group(Get, "/api/v1/groups/{group}", Group::Show, one("read", "group", "group")),
    group(Post, "/api/v1/groups/{group}/members", Group::AddMember, one("add", "member", "group")),
    group(Get, "/api/v1/groups/{group}/members", Group::ListMembers, one("read", "group", "group")),
    group(Delete, "/api/v1/groups/{group}/members/{member}", Group::RemoveMember, one("remove", "member", "group")),
    assignment(Post, "/api/v1/assignments", Assignment::Create, all("create", "assignment")),
    assignment(Get, "/api/v1/assignments", Assignment::List, all("read", "assignment")),
    assignment(Get, "/api/v1/assignments/{assignment}", Assignment::Show, one("read", "assignment", "assignment")),
    assignment(
        Delete,
        "/api/v1/assignments/{assignment}",
        Assignment::Delete,
        one("delete", "assignment", "assignment"),
    ),
    api_key(Post, "/api/v1/api-keys", Key::Create, all("create", "api-key")),
    api_key(Get, "/api/v1/api-keys", Key::List, all("read", "api-key")),
    api_key(Get, "/api/v1/api-keys/{key}", Key::Show, one("read", "api-key", "key")),
    api_key(Delete, "/api/v1/api-keys/{key}", Key::Revoke, one("revoke", "api-key", "key")),
    row(Get, "/api/v1/audit", Operation::ReadAudit, all("read", "audit")),
    row(Get, "/api/v1/audit/{fact}", Operation::ShowFact, one("read", "audit", "fact")),
];
