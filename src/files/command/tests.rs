#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pg_exporter_lab::{Folder, wait_until};

use super::*;

const PATIENCE: Duration = Duration::from_secs(15);
const TTL: Duration = Duration::from_secs(600);

fn line(words: &[&str]) -> Line {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn ask(words: &[&str]) -> Result<String, String> {
    let password = Commands::default().password(&line(words), TTL, PATIENCE)?;
    Ok(String::from_utf8(password.to_vec()).unwrap())
}

#[test]
fn a_line_is_a_password_and_no_shell_reads_it() {
    assert_eq!(ask(&["printf", "a b\n"]).unwrap(), "a b");
    assert_eq!(ask(&["printf", "%s", "$HOME;`id`"]).unwrap(), "$HOME;`id`");
}

#[test]
fn a_failure_says_which_program_and_nothing_of_what_it_wrote() {
    let table = [
        (
            &["sh", "-c", "echo s3cret; echo s3cret >&2; exit 3"][..],
            "ended with exit status: 3",
        ),
        (&["true"][..], "wrote nothing"),
        (&["/no/such/program"][..], "cannot be run"),
    ];
    for (words, expected) in table {
        let error = ask(words).unwrap_err();
        assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn one_run_serves_all_until_it_is_old() {
    let commands = Commands::default();
    let clock = line(&["date", "+%s%N"]);
    let ask = |ttl| commands.password(&clock, ttl, PATIENCE).unwrap();
    let first = ask(TTL);
    assert_eq!(ask(TTL), first);
    assert_ne!(ask(Duration::from_nanos(1) + Duration::from_millis(1)), first);
}

#[test]
fn many_that_hang_are_few_processes() {
    let commands = Commands::default();
    let begin = Instant::now();
    for number in 0..20 {
        let slow = line(&["sleep", &format!("5.{number:03}")]);
        let error = commands
            .password(&slow, TTL, Duration::from_millis(1))
            .unwrap_err();
        assert!(error.contains("has not answered"), "{error}");
    }
    assert_eq!(commands.state().threads, MOST);
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "nobody waits for longer than he said"
    );
}

#[test]
fn one_that_leaves_its_output_to_another_leaves_nothing_here() {
    let files = Folder::new();
    let (began, goes_on) = (files.at("began"), files.at("goes-on"));
    // A child of its own session, which nobody ends, writes when the run is over: to nobody, if its output was let go.
    let script = format!(
        "echo token; setsid sh -c 'touch {}; sleep 3; echo more && touch {}' &",
        began.display(),
        goes_on.display()
    );
    let error = ask(&["sh", "-c", &script]).unwrap_err();
    assert!(error.ends_with("keeps its output open"), "{error}");
    wait_until("its child has begun", PATIENCE, || began.exists());
    thread::sleep(Duration::from_secs(5));
    assert!(!goes_on.exists(), "its output is still read");
}

#[test]
fn one_that_writes_without_end_is_ended() {
    let error = ask(&["yes"]).unwrap_err();
    assert!(error.ends_with("wrote more than 64 KiB"), "{error}");
}

#[test]
fn rests_double_up_to_a_minute() {
    let rests =
        [0, 1, 2, 3, 4, 5, 6, u32::MAX].map(|failures| Times::default().rest_after(failures).as_secs());
    assert_eq!(rests, [5, 5, 10, 20, 40, 60, 60, 60]);
}

/// Times in a tenth of a second or less, so that a test has many of them.
const SHORT: Times = Times {
    deadline: Duration::from_millis(400),
    haste: Duration::from_millis(100),
    rest: Duration::from_millis(50),
    longest_rest: Duration::from_millis(400),
};

#[test]
fn many_that_hang_keep_nobody_from_his_password() {
    const HANG: u32 = 40;
    let commands = Commands::with(SHORT);
    let hang: Vec<Line> = (0..HANG)
        .map(|number| line(&["sleep", &format!("60.{number:03}")]))
        .collect();
    let healthy = line(&["date", "+%s%N"]);
    let ttl = Duration::from_secs(4);
    // Everybody asks again and again, as probes do, the healthy one behind all others.
    let ask = || {
        for line in &hang {
            assert!(commands.password(line, ttl, Duration::ZERO).is_err());
        }
        thread::sleep(Duration::from_millis(10));
        commands.password(&healthy, ttl, Duration::ZERO)
    };
    let begun = Instant::now();
    while ask().is_err() {}
    // Were each to have its whole time in turn.
    let in_turn = SHORT.deadline * HANG / u32::try_from(MOST).unwrap();
    assert!(begun.elapsed() < in_turn, "{:?}", begun.elapsed());
    let begun = Instant::now();
    let mut passwords = std::collections::HashSet::new();
    while begun.elapsed() < ttl * 3 {
        passwords.insert(ask().unwrap().to_vec());
    }
    assert!(passwords.len() >= 3, "it was renewed {} times", passwords.len());
    commands.end();
}

#[test]
fn few_wait_and_nobody_for_one_that_failed() {
    let commands = Commands::with(SHORT);
    let slow = line(&["sleep", "60"]);
    let waiting: Vec<_> = (0..2 * MOST_WAITING)
        .map(|_| {
            let (commands, slow) = (commands.clone(), slow.clone());
            thread::spawn(move || {
                let begun = Instant::now();
                commands.password(&slow, TTL, PATIENCE).unwrap_err();
                begun.elapsed()
            })
        })
        .collect();
    let times: Vec<_> = waiting.into_iter().map(|one| one.join().unwrap()).collect();
    let waited = times.iter().filter(|time| **time >= SHORT.deadline / 2).count();
    assert!((1..=MOST_WAITING).contains(&waited), "{times:?}");
    // It failed, and is tried again: its last reason is told meanwhile.
    thread::sleep(SHORT.rest);
    let error = commands.password(&slow, TTL, PATIENCE).unwrap_err();
    assert!(error.ends_with("did not end within 400ms"), "{error}");
    assert!(commands.state().known.values().all(|known| known.is_pending));
    commands.end();
}

#[test]
fn what_runs_ends_with_who_runs_it() {
    let files = Folder::new();
    let pid = files.at("pid");
    let commands = Commands::default();
    let script = format!("echo $$ > {}; sleep 60", pid.display());
    let slow = line(&["sh", "-c", &script]);
    assert!(commands.password(&slow, TTL, Duration::ZERO).is_err());
    let written = || std::fs::read_to_string(&pid).unwrap_or_default();
    wait_until("it runs", PATIENCE, || written().ends_with('\n'));
    let process = std::path::Path::new("/proc").join(written().trim());
    assert!(process.exists());
    commands.end();
    assert!(!process.exists());
    assert!(commands.password(&slow, TTL, PATIENCE).is_err());
    assert_eq!(commands.state().threads, 0, "and none begins");
}
