mod decisions;
mod evaluation;
mod evaluations;
mod explain;
mod policies;
mod relations;
mod search;
mod worlds;
