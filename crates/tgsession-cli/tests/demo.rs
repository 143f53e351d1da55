//! The binary, as a user sees it.

use std::net::TcpListener;
use std::process::{Command, Output};

fn tgsession(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tgsession")).args(arguments).output().unwrap()
}

/// Asserts that the program refused with this one line.
#[track_caller]
fn assert_refused(output: &Output, line: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((said.trim_end(), output.status.code()), (line, Some(2)));
    assert!(output.stdout.is_empty());
}

fn number(json: &str, name: &str) -> u64 {
    let value = json.split(&format!("\"{name}\":")).nth(1).expect("it is in the object");
    value.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn the_demo_agrees_with_its_server() {
    let output = tgsession(&["demo", "--sessions", "25", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&*said, output.status.code()), ("", Some(0)));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let json = stdout.lines().last().unwrap();
    let counts = [
        ("sessions", 25),
        ("monitoring", 25),
        ("events_pushed", 350),
        ("events_handled", 350),
        ("exports", 30),
        ("exported_messages", 15 * 250),
        ("sends", 100),
        ("server_saw_sends", 100),
        ("violations", 0),
        ("lock_timeouts", 0),
        ("survivors", 0),
    ];
    for (name, wanted) in counts {
        assert_eq!(number(json, name), wanted, "{name} in {json}");
    }
    assert!((2..=5).contains(&number(json, "max_concurrent_scrapes")), "{json}");
}

#[test]
fn one_session_and_one_channel_are_enough() {
    let output = tgsession(&["demo", "--sessions", "1", "--channels", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("sessions  1 connected"), "{table}");
    assert!(table.contains("0 violations, 0 timeouts"), "{table}");
}

#[test]
fn wrong_input_is_refused_in_one_line_that_says_what_to_do() {
    let help = "(see `tgsession --help` and `tgsession demo --help`)";
    let unknown = tgsession(&["demo", "--frobnicate"]);
    assert_refused(&unknown, &format!("error: unexpected argument '--frobnicate' found {help}"));
    let none = tgsession(&["demo", "--sessions", "0"]);
    let line = "error: invalid value '0' for '--sessions <N>': give 1 or more";
    assert_refused(&none, &format!("{line} {help}"));
    let word = tgsession(&["demo", "--sessions", "many"]);
    let line = "error: invalid value 'many' for '--sessions <N>': give a whole number, 1 or more";
    assert_refused(&word, &format!("{line} {help}"));
    let empty = tgsession(&["demo", "--channels", "0"]);
    let line = "error: a world without channels has nothing to export: use --channels 1 or more";
    assert_refused(&empty, line);
    let nothing = tgsession(&["bogus"]);
    assert_refused(&nothing, &format!("error: unrecognized subcommand 'bogus' {help}"));
}

#[test]
fn no_subcommand_is_refused_in_one_line_too() {
    let line = "error: say what to do: `tgsession demo`, or `tgsession --help`";
    assert_refused(&tgsession(&[]), line);
}

#[test]
fn a_port_in_use_is_refused_by_its_number() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = tgsession(&["demo", "--port", &port.to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.starts_with(&format!("error: cannot listen on port {port} (Address already in use"))
    );
    assert!(said.contains("use another --port"), "{said}");
    assert_eq!((said.lines().count(), output.status.code()), (1, Some(2)));
}

#[cfg(unix)]
#[test]
fn too_few_open_files_are_refused_with_the_number_that_is_needed() {
    // A soft and hard limit below what the sessions need: it cannot be raised.
    let script = format!("ulimit -n 200; exec {} demo", env!("CARGO_BIN_EXE_tgsession"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let line = "error: 250 sessions need 564 open files, but the limit is 200: raise it with \
                `ulimit -n 564`, or use --sessions 68 or fewer";
    assert_refused(&output, line);
    // A low soft limit alone is raised by the program itself.
    let script =
        format!("ulimit -Sn 100; exec {} demo --sessions 30", env!("CARGO_BIN_EXE_tgsession"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["demo", "--help"], &["--version"]] {
        let output = tgsession(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}
