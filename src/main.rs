//! The `bench` command: parse arguments, do what they say, end with the exit code that says how it went.

fn main() -> std::process::ExitCode {
    bench::cli::main().into()
}
