mod decisions;
mod evaluation;
mod evaluations;
mod policies;
mod relations;
mod search;
mod worlds;
