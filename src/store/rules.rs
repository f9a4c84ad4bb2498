//! Models and policies of resource servers: versions that never change, and pointers to the ones that count.

use diesel::{
    BoolExpressionMethods as _, EscapeExpressionMethods as _, ExpressionMethods as _, JoinOnDsl as _,
    OptionalExtension as _, QueryDsl as _, TextExpressionMethods as _,
};
use diesel_async::RunQueryDsl;

use super::conn::{Conn, Tx, on};
use super::error::StoreError;
use super::schema::{models, policies, resource_servers};
use super::types::{At, Json, Uid};
use crate::domain::id::ResourceServerId;
use crate::domain::model::Model;
use crate::domain::time::Instant;

/// What counts at a resource server, each with its version.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub model: Option<(i64, Model)>,
    /// The text of the policies.
    pub policies: Option<(i64, String)>,
}

impl Rules {
    /// Both versions; 0 for none.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            model: self.model.as_ref().map_or(0, |(version, _)| *version),
            policies: self.policies.as_ref().map_or(0, |(version, _)| *version),
        }
    }
}

/// Which versions count; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Versions {
    pub model: i64,
    pub policies: i64,
}

/// Of whom a version is, and who gave it when.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    pub of: ResourceServerId,
    pub version: i64,
    pub given_by: &'a str,
    pub created_at: Instant,
}

/// A version as listed: its number, who gave it, when.
pub type Listed = (i64, String, Instant);

/// What counts at a resource server.
///
/// # Errors
/// The database's.
pub async fn active(conn: &mut Conn, of: ResourceServerId) -> Result<Rules, StoreError> {
    let query = resource_servers::table
        .find(Uid(of.uuid()))
        .select((resource_servers::model_version, resource_servers::policy_version));
    let found = on!(conn, |c| query.first::<(i64, i64)>(c).await.optional())?;
    let (model, policies) = found.unwrap_or((0, 0));
    versions(conn, of, Versions { model, policies }).await
}

/// What is stored under two versions; those that are not there are none.
///
/// # Errors
/// The database's.
pub async fn versions(conn: &mut Conn, of: ResourceServerId, wanted: Versions) -> Result<Rules, StoreError> {
    let of = Uid(of.uuid());
    let mut rules = Rules::default();
    if wanted.model != 0 {
        let query = models::table.find((of, wanted.model)).select(models::document);
        if let Some(Json(document)) = on!(conn, |c| query.first::<Json>(c).await.optional())? {
            rules.model = Some((wanted.model, Model::parse(&document).map_err(StoreError::corrupt)?));
        }
    }
    if wanted.policies != 0 {
        let query = policies::table.find((of, wanted.policies)).select(policies::policy_text);
        let text = on!(conn, |c| query.first::<String>(c).await.optional())?;
        rules.policies = text.map(|text| (wanted.policies, text));
    }
    Ok(rules)
}

/// The resource servers whose policies may name one of these: that have it in quotes, or anything that is written in
/// another way than it is meant.
///
/// # Errors
/// The database's.
pub async fn naming(conn: &mut Conn, names: &[&str]) -> Result<Vec<ResourceServerId>, StoreError> {
    let counts = policies::resource_server_id
        .eq(resource_servers::id)
        .and(policies::version.eq(resource_servers::policy_version));
    let rows = on!(conn, |c| {
        let mut query = resource_servers::table
            .inner_join(policies::table.on(counts))
            .select(resource_servers::id)
            .filter(policies::policy_text.like("%\\%").escape('!'))
            .into_boxed();
        for name in names {
            query = query.or_filter(policies::policy_text.like(format!("%\"{name}\"%")).escape('!'));
        }
        query.load::<Uid>(c).await
    })?;
    Ok(rows.into_iter().map(|id| ResourceServerId::from_uuid(id.0)).collect())
}

/// The newest versions there are, counting or not; 0 for none.
///
/// # Errors
/// The database's.
pub async fn newest(conn: &mut Conn, of: ResourceServerId) -> Result<Versions, StoreError> {
    let of = Uid(of.uuid());
    let query = models::table.filter(models::resource_server_id.eq(of)).select(diesel::dsl::max(models::version));
    let model = on!(conn, |c| query.first::<Option<i64>>(c).await)?.unwrap_or(0);
    let query = policies::table.filter(policies::resource_server_id.eq(of)).select(diesel::dsl::max(policies::version));
    let policies = on!(conn, |c| query.first::<Option<i64>>(c).await)?.unwrap_or(0);
    Ok(Versions { model, policies })
}

/// The latest versions of the model, and of the policies, newest first.
///
/// # Errors
/// The database's.
pub async fn list(conn: &mut Conn, of: ResourceServerId, limit: i64) -> Result<(Vec<Listed>, Vec<Listed>), StoreError> {
    let of = Uid(of.uuid());
    let query = models::table
        .filter(models::resource_server_id.eq(of))
        .order(models::version.desc())
        .select((models::version, models::given_by, models::created_at))
        .limit(limit);
    let of_model = on!(conn, |c| query.load::<(i64, String, At)>(c).await)?;
    let query = policies::table
        .filter(policies::resource_server_id.eq(of))
        .order(policies::version.desc())
        .select((policies::version, policies::given_by, policies::created_at))
        .limit(limit);
    let of_policies = on!(conn, |c| query.load::<(i64, String, At)>(c).await)?;
    let listed = |rows: Vec<(i64, String, At)>| rows.into_iter().map(|(version, by, at)| (version, by, at.0)).collect();
    Ok((listed(of_model), listed(of_policies)))
}

/// # Errors
/// [`StoreError::Conflict`] when the number is taken, or the database's.
pub async fn insert_model(tx: &mut Tx, stamp: Stamp<'_>, model: &Model) -> Result<(), StoreError> {
    let row = (
        models::resource_server_id.eq(Uid(stamp.of.uuid())),
        models::version.eq(stamp.version),
        models::document.eq(Json(serde_json::to_value(model).map_err(StoreError::failed)?)),
        models::given_by.eq(stamp.given_by),
        models::created_at.eq(At(stamp.created_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(models::table).values(row).execute(c).await)?;
    Ok(())
}

/// # Errors
/// [`StoreError::Conflict`] when the number is taken, or the database's.
pub async fn insert_policies(tx: &mut Tx, stamp: Stamp<'_>, text: &str) -> Result<(), StoreError> {
    let row = (
        policies::resource_server_id.eq(Uid(stamp.of.uuid())),
        policies::version.eq(stamp.version),
        policies::policy_text.eq(text),
        policies::given_by.eq(stamp.given_by),
        policies::created_at.eq(At(stamp.created_at)),
    );
    on!(&mut **tx, |c| diesel::insert_into(policies::table).values(row).execute(c).await)?;
    Ok(())
}

/// Makes these versions the ones that count.
///
/// # Errors
/// The database's.
pub async fn activate(tx: &mut Tx, of: ResourceServerId, versions: Versions) -> Result<(), StoreError> {
    let target = resource_servers::table.find(Uid(of.uuid()));
    let set =
        (resource_servers::model_version.eq(versions.model), resource_servers::policy_version.eq(versions.policies));
    on!(&mut **tx, |c| diesel::update(target).set(set).execute(c).await)?;
    Ok(())
}
