//! What the definition of the command line gives: the examples of every `--help`, completions, man pages, the schema.

use crate::golden::with_data;
use crate::support::Lab;
use clap::Command;
use std::path::Path;

fn program() -> Command {
    let mut program = highwater::cli::definition();
    program.build();
    program
}

/// The program and all of its commands, but `help`.
fn commands(program: &Command) -> Vec<&Command> {
    let commands = program.get_subcommands().filter(|c| c.get_name() != "help" && !c.is_hide_set());
    std::iter::once(program).chain(commands).collect()
}

/// A lab with a copy of `data`, and this build first in its PATH.
fn shell(lab: &Lab, line: &str) -> crate::support::Answer {
    let folder = Path::new(env!("CARGO_BIN_EXE_highwater")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    lab.hear(std::process::Command::new("bash").args(["-c", line]).env("PATH", path))
}

/// The lines below `Examples:`, to the next heading.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (_, after) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {command}"));
    let lines = after.lines().take_while(|line| line.starts_with("  "));
    lines.map(|line| line.trim().to_string()).collect()
}

/// In turn, in one folder for each command, which has what `highwater sample` writes and nothing else. `# exits with N` at
/// the end of a line says what it ends with.
#[test]
fn every_example_of_every_help_works() {
    let program = program();
    for command in commands(&program) {
        let lab = Lab::new();
        assert_eq!(lab.highwater(&["sample", "."]).code, 0);
        let examples = examples(command);
        assert!(examples.len() >= 2, "{command}: {examples:?}");
        let own =
            format!("highwater {}", if command.get_name() == "highwater" { "" } else { command.get_name() });
        assert!(examples.iter().filter(|e| e.contains(own.trim_end())).count() >= 2, "{examples:?}");
        for example in examples {
            let code =
                example.split_once("# exits with ").map_or(0, |(_, code)| code.trim().parse().unwrap());
            // A server does not end by itself; SIGTERM ends it with 0. Its usual port may be in use here.
            let port = if example.contains("--port") { "" } else { " --port 0" };
            let line = match command.get_name() {
                "serve" => format!("timeout --preserve-status 2 {example}{port}"),
                _ => example.clone(),
            };
            // Engines have libraries of their own, which a test may lack.
            let line = match (line.contains(" --on "), crate::on::folder()) {
                (false, _) => line,
                (true, Some(folder)) => format!("ADBC_DRIVER_PATH={folder} {line}"),
                (true, None) => continue,
            };
            let answer = shell(&lab, &line);
            assert_eq!(answer.code, code, "{example}\n{}{}", answer.out, answer.err);
        }
        let strays: Vec<String> = std::fs::read_dir(lab.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["data", "out"].contains(&name.as_str()))
            .collect();
        assert!(strays.is_empty(), "{command} wrote {strays:?} beside out/");
    }
}

/// Every option and argument says what it does.
#[test]
fn every_option_has_words() {
    let program = program();
    for command in commands(&program) {
        assert!(command.get_about().is_some(), "{command}");
        for arg in command.get_arguments().filter(|arg| arg.get_id() != "help" && arg.get_id() != "version") {
            assert!(arg.get_help().is_some(), "{} of {command}", arg.get_id());
        }
    }
}

/// Asks the completions in a real bash, as readline does.
#[test]
fn bash_completes_commands_options_values_and_job_files() {
    let lab = with_data();
    let ask = |line: &str| {
        let script = format!(
            "source <(highwater completions bash)\n\
             COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}\n\
             read -ra COMP_WORDS <<<\"$COMP_LINE\"\n\
             [[ $COMP_LINE = *' ' ]] && COMP_WORDS+=('')\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             complete -p highwater | grep -q -- '-F _highwater_and_files' || exit 9\n\
             _highwater_and_files highwater \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let answer = shell(&lab, &script);
        assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{line}");
        answer.out.lines().map(String::from).collect::<Vec<String>>()
    };
    assert_eq!(ask("highwater ru"), ["run"]);
    assert_eq!(ask("highwater run --thr"), ["--threads"]);
    assert_eq!(ask("highwater run --mode "), ["complete", "streamed"]);
    assert_eq!(ask("highwater sql --dialect du"), ["duckdb"]);
    assert_eq!(
        ask("highwater run data/jobs/page"),
        [
            "data/jobs/pageviews-archive.toml",
            "data/jobs/pageviews-iceberg.toml",
            "data/jobs/pageviews-per-postcode.toml",
            "data/jobs/pageviews-so-far.toml",
            "data/jobs/pageviews.toml",
        ]
    );
    // Folders, to go on in; no placeholder of clap's.
    assert_eq!(ask("highwater run dat"), ["data"]);
    let first = ask("highwater run ");
    assert!(first.contains(&"data".to_string()) && !first.iter().any(|w| w.contains('<')), "{first:?}");
    // Other files where there are no job files.
    assert_eq!(ask("highwater verify data/sales/sales-1"), ["data/sales/sales-1.jsonl"]);
}

/// Where these shells are, they read what we print for them; what it names holds anywhere.
#[test]
fn zsh_and_fish_read_their_completions() {
    let lab = Lab::new();
    let program = program();
    for (name, check) in [("zsh", ["-n"]), ("fish", ["--no-execute"])] {
        let script = lab.highwater(&["completions", name]);
        assert_eq!((script.code, script.err.as_str()), (0, ""));
        for command in commands(&program).iter().skip(1) {
            assert!(script.out.contains(command.get_name()), "{name}: {command}");
            for long in command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|arg| arg.get_long())
            {
                assert!(script.out.contains(long), "{name}: --{long} of {command}");
            }
        }
        lab.write("script", &script.out);
        let installed =
            ["/bin", "/usr/bin", "/usr/local/bin"].iter().any(|f| Path::new(f).join(name).exists());
        if installed {
            let answer = lab.hear(std::process::Command::new(name).args(check).arg("script"));
            assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{name}");
        }
    }
}

#[test]
fn man_pages_are_whole() {
    let lab = Lab::new();
    let answer = lab.highwater(&["man", "--out", "man"]);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    let program = program();
    let names: Vec<String> =
        commands(&program).iter().map(|c| c.get_display_name().unwrap_or("highwater").to_string()).collect();
    assert_eq!(answer.out, names.iter().map(|n| format!("man/{n}.1\n")).collect::<String>());
    for (name, command) in names.iter().zip(commands(&program)) {
        let page = lab.text(&format!("man/{name}.1"));
        assert!(page.contains(&format!(".TH {}", name.to_uppercase())), "{page}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
            assert!(page.contains(&format!(".SH {section}\n")), "{name} has no {section}\n{page}");
        }
        for example in examples(command) {
            let line =
                example.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
            assert!(page.lines().any(|l| l == line), "{line} of {name}\n{page}");
        }
        for long in command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(|arg| arg.get_long()) {
            assert!(page.contains(&long.replace('-', "\\-")), "--{long} of {name}");
        }
        if Path::new("/usr/bin/groff").exists() {
            let file = format!("man/{name}.1");
            let answer =
                lab.hear(std::process::Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(file));
            assert_eq!((answer.code, answer.err.as_str()), (0, ""), "{name}\n{page}");
        }
    }
    let one = lab.highwater(&["man", "run"]);
    assert_eq!((one.code, one.out), (0, lab.text("man/highwater-run.1")));
    let wrong = lab.highwater(&["man", "rnu"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.starts_with("error: there is no command `rnu`\n  hint: did you mean `run`?"),
        "{}",
        wrong.err
    );
}

#[test]
fn the_schema_is_printed_as_it_lies_in_data() {
    let lab = with_data();
    let answer = lab.highwater(&["schema"]);
    assert_eq!((answer.code, answer.out), (0, lab.text("data/job.schema.json")));
    let page = lab.highwater(&["schema", "--markdown"]);
    assert!(page.out.starts_with("# The job file\n"), "{}", page.out);
}
