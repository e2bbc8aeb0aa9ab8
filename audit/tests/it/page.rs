//! The auditor's page: its verifier, run by Node, says the same of every bundle as the library. Skipped where there is no Node with
//! Web Crypto's Ed25519.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::corpus::{CORPUS, folder};
use crate::profile::{profile_bad, profile_good, profile_never, profile_trusts};
use crate::sets::trusts;
use crate::sized::sized;

/// What the page's script does with a list of questions: a trust file, bundles, by Web Crypto or by hand.
const ASK: &str = r#"
const fs = require("node:fs");
const { core, asked } = JSON.parse(fs.readFileSync(0, "utf8"));
globalThis.crypto ??= require("node:crypto").webcrypto;
const load = new Function(core + "; return { parseTrust, verifyBundle, verifyChain, Defect, hand: (on) => { byHand = on; } };");
const page = load();
(async () => {
  const said = [];
  for (const { trust, bundles, hand } of asked) {
    page.hand(hand);
    try {
      const trusted = await page.parseTrust(fs.readFileSync(trust, "utf8"));
      const held = [];
      for (const bundle of bundles) held.push(await page.verifyBundle(new Uint8Array(fs.readFileSync(bundle)), trusted));
      if (held.some((h) => h.partial)) said.push("Ed25519 alone");
      else said.push(page.verifyChain(held).map(([at, defect]) => `${at} ${defect.message}`).join("\n"));
    } catch (e) {
      if (!(e instanceof page.Defect)) throw e;
      if (!e.zh) throw new Error("a defect without Chinese: " + e.message);
      said.push(e.message);
    }
  }
  console.log(JSON.stringify(said));
})();
"#;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("page/verify.html")).unwrap()
}

/// The page's core, which stands in a script of its own.
fn core() -> String {
    let page = page();
    let (_, rest) = page.split_once("<script id=\"core\">").unwrap();
    rest.split_once("</script>").unwrap().0.to_owned()
}

fn node() -> bool {
    let test = "crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign']).then(() => process.exit(0), () => process.exit(1))";
    let found = Command::new("node").args(["-e", test]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        eprintln!("skipped: there is no node with Web Crypto's Ed25519 (Node 20 or newer)");
    }
    found
}

/// Asks the page about bundles under trust files, each a path under the corpus.
fn ask(asked: &[(String, Vec<String>, bool)]) -> Vec<String> {
    let path = |name: &String| folder().join(name).to_str().unwrap().to_owned();
    let asked: Vec<_> = asked
        .iter()
        .map(|(trust, bundles, hand)| {
            serde_json::json!({ "trust": path(trust), "bundles": bundles.iter().map(path).collect::<Vec<_>>(), "hand": hand })
        })
        .collect();
    let mut node = Command::new("node");
    let mut node = node.args(["-e", ASK]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input = serde_json::json!({ "core": core(), "asked": asked }).to_string();
    node.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = node.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

const TRUST: &str = "trust.toml";

#[test]
fn the_page_says_of_every_bundle_what_the_library_says() {
    if !node() {
        return;
    }
    let good: Vec<String> = CORPUS.good.iter().map(|(name, _)| format!("good/{name}.tar")).collect();
    let mut asked = vec![(TRUST.to_owned(), good.clone(), false)];
    let mut want = vec![String::new()];
    for (name, said, _) in &CORPUS.bad {
        asked.push((TRUST.to_owned(), vec![format!("bad/{name}.tar")], false));
        want.push((*said).to_owned());
    }
    for (name, said, tars) in &CORPUS.sets {
        asked.push((TRUST.to_owned(), (1..=tars.len()).map(|n| format!("sets/{name}/{n}.tar")).collect(), false));
        want.push(format!("{} {said}", tars.len() - 1));
    }
    for (name, said, _) in sized() {
        asked.push(("sized/trust.toml".to_owned(), vec![format!("sized/{name}.tar")], false));
        want.push(said.to_owned());
    }
    let wrong: Vec<_> =
        ask(&asked).into_iter().zip(want).zip(&asked).filter(|((said, want), _)| said != want).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    // Trust files: refused, whatever the words.
    let asked: Vec<_> =
        trusts().iter().map(|(name, ..)| (format!("trust/{name}.toml"), good[..1].to_vec(), false)).collect();
    assert!(ask(&asked).iter().all(|said| !said.is_empty()));
}

#[test]
fn under_the_profile_the_page_gives_no_full_verdict() {
    if !node() {
        return;
    }
    let with = || "profile/trust.toml".to_owned();
    let (mut asked, mut want) = (Vec::new(), Vec::new());
    for (name, _) in profile_good() {
        let bundle = vec![format!("profile/good/{name}.tar")];
        asked.extend([(with(), bundle.clone(), false), (TRUST.to_owned(), bundle, false)]);
        want.extend(["Ed25519 alone".to_owned(), String::new()]);
    }
    // What is wrong with Ed25519, or with lines by nobody, the page says; what is wrong with SM2 it cannot see.
    for (name, said, _) in profile_bad() {
        let bundle = vec![format!("profile/bad/{name}.tar")];
        asked.extend([(with(), bundle.clone(), false), (TRUST.to_owned(), bundle, false)]);
        let seen = said.contains("by no key in your trust file");
        want.extend([if seen { said.to_owned() } else { "Ed25519 alone".to_owned() }, String::new()]);
    }
    for (name, said, _) in profile_never() {
        asked.push((TRUST.to_owned(), vec![format!("profile/bad/{name}.tar")], false));
        want.push(said.to_owned());
    }
    for (name, ..) in profile_trusts() {
        asked.push((format!("profile/trust/{name}.toml"), vec!["profile/good/d1-1.tar".to_owned()], false));
    }
    let said = ask(&asked);
    let (bundles, trusts) = said.split_at(want.len());
    let wrong: Vec<_> = bundles.iter().zip(&want).zip(&asked).filter(|((said, want), _)| said != want).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(trusts.iter().all(|said| !said.is_empty() && said != "Ed25519 alone"), "{trusts:?}");
}

#[test]
fn a_browser_without_ed25519_comes_to_the_same() {
    if !node() {
        return;
    }
    let named = |names: &[&str]| -> Vec<(String, Vec<String>, bool)> {
        names.iter().map(|name| (TRUST.to_owned(), vec![(*name).to_owned()], true)).collect()
    };
    assert_eq!(ask(&named(&["good/d1-1.tar"])), [""]);
    let signed = [
        "checkpoint-signature-wrong",
        "contact-edited",
        "witness-signature-wrong",
        "rotation-not-signed-by-the-old-key",
    ];
    let said =
        ask(&named(&signed.map(|name| format!("bad/{name}.tar")).iter().map(String::as_str).collect::<Vec<_>>()));
    for (said, name) in said.iter().zip(signed) {
        let (_, want, _) = CORPUS.bad.iter().find(|(bad, ..)| *bad == name).unwrap();
        assert_eq!(said, want);
    }
}

#[test]
fn the_page_is_one_file_that_reaches_for_nothing() {
    let page = page();
    assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for word in ["http://", "https://", "src=", "@import", "innerHTML", "fetch(", "XMLHttpRequest", "localStorage"] {
        assert!(!page.contains(word), "the page has {word}");
    }
}
