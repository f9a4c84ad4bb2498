//! Why there is no decision.

use super::engine;
use crate::domain::attribute::AttributeError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The change log could not be read for longer than the freshness bound: better no answer than one from the past.
    #[error("this node has not confirmed its state with the database for too long")]
    Stale,
    /// A consistency token of another history, or one that was made up.
    #[error(
        "this consistency token is not of the store's history: it was never given, or a backup was restored since; ask \
         without it"
    )]
    UnknownPosition,
    /// More groups, resources or relations than one decision may walk, or deeper ones.
    #[error(
        "the decision needs more than its budget of {} groups, {} resources around this one, {} of both, {} relations, \
         {} edges, {} steps",
        engine::PRINCIPALS_MAX,
        engine::ANCESTORS_MAX,
        engine::HOLDINGS_MAX,
        engine::RELATIONS_MAX,
        engine::EDGES_MAX,
        engine::OBJECT_DEPTH_MAX
    )]
    OverBudget,
    /// A property of the request is not of the type the model declares.
    #[error(transparent)]
    Sent(#[from] AttributeError),
    /// Policies that were checked when they were written cannot be compiled any more.
    #[error("the policies of this resource server cannot be read: {0}")]
    Policies(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}
