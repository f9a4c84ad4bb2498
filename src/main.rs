//! The program; everything is in the library.

use std::process::ExitCode;

// Fewer page faults and less fragmentation than the system allocator under many small allocations on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    doorward::boot::main()
}
