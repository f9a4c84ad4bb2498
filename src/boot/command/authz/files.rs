//! The folder: `server.toml`, `model.toml`, `roles.toml`, `groups.toml`, `policies.cedar`, `tests/*.toml`, and data in
//! `resources.toml`, `relations.toml` and `assignments.toml`. All but the first may be missing.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::super::node::BootError;
use crate::admin::authorization::Authorization;
use crate::decision::given::{Data, DecisionTests, GivenAssignment, GivenRelation, GivenResource, GivenSubject, lines};
use crate::decision::memory::Rulebook;
use crate::domain::group::NamedGroups;
use crate::domain::model::Model;
use crate::domain::role::NamedRoles;

const SERVER: &str = "server.toml";
const MODEL: &str = "model.toml";
const ROLES: &str = "roles.toml";
const GROUPS: &str = "groups.toml";
const POLICIES: &str = "policies.cedar";
const TESTS: &str = "tests";
const RESOURCES: &str = "resources.toml";
const RELATIONS: &str = "relations.toml";
const ASSIGNMENTS: &str = "assignments.toml";
/// A misspelt name would be left out, silently.
const KNOWN: [&str; 9] = [SERVER, MODEL, ROLES, GROUPS, POLICIES, TESTS, RESOURCES, RELATIONS, ASSIGNMENTS];

/// What a folder says.
#[derive(Debug)]
pub(super) struct Files {
    pub authorization: Authorization,
    /// By the name of their file.
    pub tests: BTreeMap<String, DecisionTests>,
    /// Loaded and never taken away: it belongs to the application.
    pub data: Data,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RolesFile {
    roles: NamedRoles,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GroupsFile {
    groups: NamedGroups,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ResourcesFile {
    subjects: Vec<GivenSubject>,
    resources: Vec<GivenResource>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RelationsFile {
    #[serde(deserialize_with = "lines")]
    relations: Vec<GivenRelation>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AssignmentsFile {
    assignments: Vec<GivenAssignment>,
}

impl Files {
    /// # Errors
    /// The file, and what is wrong in it, with its line where the parser knows it.
    pub(super) fn read(folder: &Path) -> Result<Self, BootError> {
        refuse_unknown(folder)?;
        let server = toml_file(&folder.join(SERVER))?;
        let server = server.ok_or_else(|| format!("{} is missing", folder.join(SERVER).display()))?;
        let roles: RolesFile = toml_file(&folder.join(ROLES))?.unwrap_or_default();
        let groups: GroupsFile = toml_file(&folder.join(GROUPS))?.unwrap_or_default();
        let resources: ResourcesFile = toml_file(&folder.join(RESOURCES))?.unwrap_or_default();
        let relations: RelationsFile = toml_file(&folder.join(RELATIONS))?.unwrap_or_default();
        let assignments: AssignmentsFile = toml_file(&folder.join(ASSIGNMENTS))?.unwrap_or_default();
        Ok(Self {
            authorization: Authorization {
                server,
                model: model(&folder.join(MODEL))?,
                policies: text(&folder.join(POLICIES))?.unwrap_or_default().trim().to_owned(),
                roles: roles.roles,
                groups: groups.groups,
            },
            tests: tests(&folder.join(TESTS))?,
            data: Data {
                subjects: resources.subjects,
                resources: resources.resources,
                relations: relations.relations,
                assignments: assignments.assignments,
            },
        })
    }

    /// Checks the rules as a server checks them.
    ///
    /// # Errors
    /// Each thing that is wrong.
    pub(super) fn compile(&self) -> Result<Rulebook, BootError> {
        let of = &self.authorization;
        let compiled = Rulebook::compile(&of.server.permissions, &of.roles, of.model.as_ref(), &of.policies);
        Ok(compiled.map_err(|problems| problems.join("\n"))?)
    }
}

/// Writes the same files; what is not there makes no file.
///
/// # Errors
/// A folder that holds anything already.
pub(super) fn write(folder: &Path, found: &Authorization) -> Result<Vec<String>, BootError> {
    let cannot = |error: std::io::Error| format!("{} cannot be written: {error}", folder.display());
    fs::create_dir_all(folder).map_err(cannot)?;
    if fs::read_dir(folder).map_err(cannot)?.next().is_some() {
        return Err(format!("{} is not empty; export into a new folder", folder.display()).into());
    }
    let mut files = vec![(SERVER, toml::to_string(&found.server)?)];
    if let Some(model) = &found.model {
        files.push((MODEL, toml::to_string(model)?));
    }
    if !found.roles.is_empty() {
        files.push((ROLES, toml::to_string(&RolesFile { roles: found.roles.clone() })?));
    }
    if !found.groups.is_empty() {
        files.push((GROUPS, toml::to_string(&GroupsFile { groups: found.groups.clone() })?));
    }
    if !found.policies.is_empty() {
        files.push((POLICIES, format!("{}\n", found.policies)));
    }
    for (name, text) in &files {
        fs::write(folder.join(name), text).map_err(cannot)?;
    }
    Ok(files.into_iter().map(|(name, _)| name.to_owned()).collect())
}

fn refuse_unknown(folder: &Path) -> Result<(), BootError> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_of_ours = Path::new(&name).extension().is_some_and(|of| of == "toml" || of == "cedar");
        if is_of_ours && !KNOWN.contains(&name.as_str()) {
            let known = KNOWN.join(", ");
            return Err(format!("{}: no such file is read; there are {known}", folder.join(name).display()).into());
        }
    }
    Ok(())
}

fn text(path: &Path) -> Result<Option<String>, BootError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display()).into()),
    }
}

fn toml_file<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, BootError> {
    let Some(text) = text(path)? else { return Ok(None) };
    toml::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Read twice: once for the line of what is misspelt, and once for what makes no sense.
fn model(path: &Path) -> Result<Option<Model>, BootError> {
    let Some(read) = toml_file::<Model>(path)? else { return Ok(None) };
    let document = serde_json::to_value(&read)?;
    Model::parse(&document).map(Some).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn tests(folder: &Path) -> Result<BTreeMap<String, DecisionTests>, BootError> {
    let mut tests = BTreeMap::new();
    if !folder.exists() {
        return Ok(tests);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|of| of == "toml")
            && let Some(read) = toml_file(&path)?
        {
            tests.insert(path.display().to_string(), read);
        }
    }
    Ok(tests)
}
