mod decisions;
mod evaluation;
mod evaluations;
