mod decisions;
mod evaluation;
mod evaluations;
mod relations;
