//! The corpus `seal/vectors/bundles/`: made here, kept there byte for byte, and judged by the library and by `verify.sh`.
//! `MUSTER_WRITE_VECTORS=1` writes it anew, which the format alone may make necessary.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;

use muster_audit::trust::Trust;
use muster_audit::verify::{Held, verify};

use crate::cases::{Case, bad};
use crate::good::{Story, story};
use crate::profile::{profile_bad, profile_good, profile_never, profile_trust, profile_trusts};
use crate::sets::{Set, sets, together, trusts};
use crate::sized::{sized, sized_trust};
use crate::town::{Town, trust};

/// Everything, made once.
pub struct Corpus {
    pub town: Town,
    pub good: Vec<(String, Vec<u8>)>,
    pub bad: Vec<Case>,
    pub sets: Vec<Set>,
    pub trust: Trust,
}

pub static CORPUS: LazyLock<Corpus> = LazyLock::new(|| {
    let story: Story = story();
    let (bad, sets) = (bad(&story), sets(&story));
    Corpus { town: story.town, good: story.good, bad, sets, trust: Trust::parse(&trust()).unwrap() }
});

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../seal/vectors/bundles")
}

/// Every file of the corpus by its path.
fn files() -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::from([("trust.toml".to_owned(), trust().into_bytes())]);
    all.extend(trusts().into_iter().map(|(name, _, text)| (format!("trust/{name}.toml"), text.into_bytes())));
    all.insert("profile/trust.toml".to_owned(), profile_trust().into_bytes());
    all.extend(
        profile_trusts().into_iter().map(|(name, _, text)| (format!("profile/trust/{name}.toml"), text.into_bytes())),
    );
    all.extend(profile_good().into_iter().map(|(name, tar)| (format!("profile/good/{name}.tar"), tar)));
    let bad = profile_bad().into_iter().chain(profile_never());
    all.extend(bad.map(|(name, _, tar)| (format!("profile/bad/{name}.tar"), tar)));
    all.extend(CORPUS.good.iter().map(|(name, tar)| (format!("good/{name}.tar"), tar.clone())));
    all.extend(CORPUS.bad.iter().map(|(name, _, tar)| (format!("bad/{name}.tar"), tar.clone())));
    all.insert("sized/trust.toml".to_owned(), sized_trust().into_bytes());
    all.extend(sized().into_iter().map(|(name, _, tar)| (format!("sized/{name}.tar"), tar)));
    for (name, _, tars) in &CORPUS.sets {
        all.extend(tars.iter().enumerate().map(|(n, tar)| (format!("sets/{name}/{}.tar", n + 1), tar.clone())));
    }
    all
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn the_files_are_what_is_made_here_and_no_other() {
    let (folder, made) = (folder(), files());
    if std::env::var_os("MUSTER_WRITE_VECTORS").is_some_and(|v| v == "1") {
        for old in walk(&folder).iter().filter(|p| p.extension().is_some_and(|e| e == "tar" || e == "toml")) {
            fs::remove_file(old).unwrap();
        }
        for (name, bytes) in &made {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for (name, bytes) in &made {
        let kept = fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(kept == *bytes, "{name} is not what is made here");
    }
    for path in walk(&folder) {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        assert!(name == "README.md" || made.contains_key(&name), "{name} is made by nothing");
    }
}

fn held(tar: &[u8]) -> Held {
    verify(tar, &CORPUS.trust).unwrap()
}

#[test]
fn the_good_ones_hold_one_by_one_and_together() {
    let mut places = Vec::new();
    for (name, tar) in &CORPUS.good {
        let held = verify(tar, &CORPUS.trust).unwrap_or_else(|e| panic!("{name}: {e}"));
        // A bracket is wide where somebody saved a beacon or had none, and there alone.
        assert_eq!(held.bracket.is_wide(24 * 3600), name.ends_with("is-wide"), "{name}: {:?}", held.bracket);
        places.push(held.place());
    }
    assert_eq!(together(&places), []);
    let sizes: Vec<u64> = CORPUS.good.iter().map(|(_, tar)| held(tar).covering.checkpoint.size).collect();
    for size in [65_535, 65_536, 65_537] {
        assert!(sizes.contains(&size), "{sizes:?}");
    }
}

#[test]
fn each_bad_one_is_told_its_reason() {
    let mut wrong = Vec::new();
    for (name, want, tar) in &CORPUS.bad {
        match verify(tar, &CORPUS.trust) {
            Ok(held) => match together(&[held.place()]).first() {
                Some((_, said)) if said == want => {}
                said => wrong.push(format!("{name}: holds, {said:?}")),
            },
            Err(said) if said.to_string() == *want => {}
            Err(said) => wrong.push(format!("{name}:\n  said {said}\n  want {want}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_set_holds_one_by_one_and_not_together() {
    for (name, want, tars) in &CORPUS.sets {
        let places: Vec<_> = tars.iter().map(|tar| held(tar).place()).collect();
        let said = together(&places);
        assert_eq!(said, [(tars.len() - 1, (*want).to_owned())], "{name}");
    }
}

#[test]
fn each_trust_file_is_told_its_reason() {
    for (name, want, text) in trusts().into_iter().chain(profile_trusts()) {
        let said = format!("{:#}", Trust::parse(&text).unwrap_err());
        assert!(said.ends_with(want), "{name}: {said}");
    }
}

#[test]
fn with_the_profile_second_lines_are_demanded_and_without_it_nothing_changes() {
    let (with, without) = (Trust::parse(&profile_trust()).unwrap(), &CORPUS.trust);
    for (name, tar) in profile_good() {
        verify(&tar, &with).unwrap_or_else(|e| panic!("{name}: {e}"));
        verify(&tar, without).unwrap_or_else(|e| panic!("{name}, without the profile: {e}"));
    }
    for (name, want, tar) in profile_bad() {
        assert_eq!(verify(&tar, &with).unwrap_err().to_string(), want, "{name}");
        verify(&tar, without).unwrap_or_else(|e| panic!("{name}, without the profile: {e}"));
    }
    for (name, want, tar) in profile_never() {
        assert_eq!(verify(&tar, &with).unwrap_err().to_string(), want, "{name}");
        assert_eq!(verify(&tar, without).unwrap_err().to_string(), want, "{name}, without the profile");
    }
    // A deployment without it has no lines for the profile.
    for (name, tar) in &CORPUS.good {
        assert_eq!(
            verify(tar, &with).unwrap_err().to_string(),
            "entry.tlog-proof: no SM2 line by muster.example/log",
            "{name}"
        );
    }
}

#[test]
fn with_the_profile_no_byte_of_a_bundle_may_change() {
    let trust = Trust::parse(&profile_trust()).unwrap();
    let (name, tar) = profile_good().remove(0);
    // SM2 takes its time: every byte of what is signed twice, and of the rest each seventh.
    let at = |word: &str| tar.windows(word.len()).position(|w| w == word.as_bytes()).unwrap();
    let signed = [at("entry.tlog-proof")..at("log.jsonl"), at("seal.note")..tar.len() - 1024];
    for at in (0..tar.len()).filter(|at| at % 7 == 0 || signed.iter().any(|part| part.contains(at))) {
        let mut bent = tar.clone();
        bent[at] ^= 1 << (at % 8);
        assert!(verify(&bent, &trust).is_err(), "{name}: byte {at} may be changed");
    }
}

/// The bytes of a bundle that nothing in it covers: when the server says it received a contact. No verifier uses them, and
/// `--log` finds them changed.
fn bare(tar: &[u8]) -> Vec<usize> {
    let find = |text: &[u8], from: usize| tar[from..].windows(text.len()).position(|w| w == text).map(|at| at + from);
    let (from, to) = (find(b"contacts.jsonl", 0).unwrap(), find(b"device-000.json", 0).unwrap());
    let mut bytes = Vec::new();
    let mut at = from;
    while let Some(found) = find(b"\"received\":\"", at).filter(|found| *found < to) {
        let start = found + b"\"received\":\"".len();
        let end = find(b"\"", start).unwrap();
        bytes.extend(start..end);
        at = end;
    }
    bytes
}

#[test]
fn no_byte_of_a_bundle_may_change() {
    let (name, tar) = &CORPUS.good[1];
    let bare = bare(tar);
    assert_eq!(bare.len(), 2 * "2026-03-02T10:00:00.000+08:00".len(), "{name}");
    for at in (0..tar.len()).filter(|at| !bare.contains(at)) {
        let mut bent = tar.clone();
        bent[at] ^= 1 << (at % 8);
        assert!(verify(&bent, &CORPUS.trust).is_err(), "byte {at} may be changed");
    }
}

/// What `verify.sh` says; `None` where the machine lacks what it needs.
fn shell(trust: &Path, bundles: &[PathBuf]) -> Option<(i32, String)> {
    let openssl = Command::new("openssl").arg("version").output().ok()?;
    if !String::from_utf8_lossy(&openssl.stdout).starts_with("OpenSSL 3") {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.sh");
    let out = Command::new("sh").arg(script).arg("--trust").arg(trust).args(bundles).output().unwrap();
    Some((out.status.code().unwrap(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()))
}

#[test]
fn openssl_and_coreutils_agree_on_every_bundle() {
    let (folder, trust) = (folder(), folder().join("trust.toml"));
    let path = |name: String| folder.join(name);
    let good: Vec<PathBuf> = CORPUS.good.iter().map(|(name, _)| path(format!("good/{name}.tar"))).collect();
    let Some((status, said)) = shell(&trust, &good) else {
        eprintln!("skipped: openssl 3 is not installed");
        return;
    };
    assert_eq!(status, 0, "{said}");
    let after = "the seal (#65540) came to the central log after the device was revoked or replaced (#65539)";
    assert_eq!(said.matches("⚠").count(), 1, "{said}");
    assert!(said.contains(after), "{said}");
    // What is asked: trust file, bundles, exit status.
    let mut asked: Vec<(PathBuf, Vec<PathBuf>, i32)> = Vec::new();
    asked.extend(CORPUS.bad.iter().map(|(name, ..)| (trust.clone(), vec![path(format!("bad/{name}.tar"))], 1)));
    for (name, _, tars) in &CORPUS.sets {
        let tars: Vec<PathBuf> = (1..=tars.len()).map(|n| path(format!("sets/{name}/{n}.tar"))).collect();
        asked.push((trust.clone(), tars[..1].to_vec(), 0));
        asked.push((trust.clone(), tars, 1));
    }
    for (name, said, _) in sized() {
        asked.push((
            path("sized/trust.toml".into()),
            vec![path(format!("sized/{name}.tar"))],
            i32::from(!said.is_empty()),
        ));
    }
    asked.extend(trusts().into_iter().map(|(name, ..)| (path(format!("trust/{name}.toml")), good[..1].to_vec(), 2)));
    // The profile: demanded under its own trust file, and nothing to a plain one.
    let with = path("profile/trust.toml".to_owned());
    for (name, _) in profile_good() {
        let bundle = vec![path(format!("profile/good/{name}.tar"))];
        asked.extend([(with.clone(), bundle.clone(), 0), (trust.clone(), bundle, 0)]);
    }
    for (cases, plain) in [(profile_bad(), 0), (profile_never(), 1)] {
        for (name, ..) in cases {
            let bundle = vec![path(format!("profile/bad/{name}.tar"))];
            asked.extend([(with.clone(), bundle.clone(), 1), (trust.clone(), bundle, plain)]);
        }
    }
    let trusts = profile_trusts().into_iter().map(|(name, ..)| path(format!("profile/trust/{name}.toml")));
    asked.extend(trusts.map(|trust| (trust, good[..1].to_vec(), 2)));
    let wrong = judge(&asked);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_openssl_without_sm2_gives_no_verdict_under_the_profile() {
    // An openssl that knows all but SM2, as some distributions build it.
    let dir = tempfile::tempdir().unwrap();
    let real = Command::new("sh").args(["-c", "command -v openssl"]).output().unwrap();
    let real = String::from_utf8_lossy(&real.stdout).trim().to_owned();
    let poor = format!("#!/bin/sh\ncase \"$*\" in *sm3*) exit 1 ;; esac\nexec {real} \"$@\"\n");
    fs::write(dir.path().join("openssl"), poor).unwrap();
    fs::set_permissions(dir.path().join("openssl"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let search = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let ask = |trust: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.sh");
        let mut shell = Command::new("sh");
        shell.arg(script).arg("--trust").arg(folder().join(trust)).arg(folder().join("profile/good/d1-1.tar"));
        let out = shell.env("PATH", &search).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    if shell(&folder().join("trust.toml"), &[folder().join("good/d1-1.tar")]).is_none() {
        eprintln!("skipped: openssl 3 is not installed");
        return;
    }
    let (status, said) = ask("profile/trust.toml");
    assert!(status == Some(2) && said.contains("this openssl has no SM2"), "{said}");
    assert_eq!(ask("trust.toml").0, Some(0), "Ed25519 alone needs none");
}

/// Asks `verify.sh`, on every core, and gives what it judged otherwise.
fn judge(asked: &[(PathBuf, Vec<PathBuf>, i32)]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((trust, bundles, want)) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (status, said) = shell(trust, bundles).unwrap();
                    if status != *want {
                        wrong.lock().unwrap().push(format!("{trust:?} {bundles:?}: {status}, not {want}: {said}"));
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn openssl_and_coreutils_see_a_changed_bit_too() {
    let (_, tar) = &CORPUS.good[1];
    let dir = tempfile::tempdir().unwrap();
    // Forty places, spread so that every part has some, and a bit of its own at each.
    let bent = |n: usize| {
        let at = n * (tar.len() - 1) / 39;
        assert!(!bare(tar).contains(&at));
        let mut bent = tar.clone();
        bent[at] ^= 1 << (n % 8);
        let file = dir.path().join(format!("bent-at-{at}.tar"));
        fs::write(&file, bent).unwrap();
        (folder().join("trust.toml"), vec![file], 1)
    };
    let asked: Vec<_> = (0..40).map(bent).collect();
    if shell(&asked[0].0, &asked[0].1).is_none() {
        eprintln!("skipped: openssl 3 is not installed");
        return;
    }
    let wrong = judge(&asked);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
