//! Each way in which a note, a checkpoint, a receipt or a key breaks its format: the rule, and the words that name it.

use muster_seal::checkpoint::Checkpoint;
use muster_seal::error::NoteError;
use muster_seal::key::{DeviceKey, NamedKey, PublicKey, Signer};
use muster_seal::note::{MAX_NOTE, Note};
use muster_seal::proof::{Receipt, read_hashes, write_hashes};

use crate::made::key;

const LINE: &str = "\u{2014} muster.example AAAAAAAA\n";

#[test]
fn notes() {
    let many = LINE.repeat(129);
    let long = "a".repeat(MAX_NOTE + 1);
    for (note, what) in [
        (&long[..], "longer than 128 KiB"),
        ("a\t\n\n", "a control character"),
        ("a\r\n\r\n", "a control character"),
        ("a\n", "no empty line before the signatures"),
        ("a\n\n\u{2014} muster.example AAAAAAAA", "no newline at the end"),
        ("a\n\nx\n", "a signature line does not start with an em dash"),
        ("a\n\n- muster.example AAAAAAAA\n", "a signature line does not start with an em dash"),
        ("a\n\n\u{2014} muster.example\n", "a signature line has no second space"),
        ("a\n\n\u{2014}  AAAAAAAA\n", "a key name is empty or has a space or a plus sign"),
        ("a\n\n\u{2014} muster+example AAAAAAAA\n", "a key name is empty or has a space or a plus sign"),
        ("a\n\n\u{2014} muster\u{a0}example AAAAAAAA\n", "a key name is empty or has a space or a plus sign"),
        ("a\n\n\u{2014} muster.example AAAAAAA\n", "a signature is not base64"),
        ("a\n\n\u{2014} muster.example AAAAAAB=\n", "a signature is not base64"),
        ("a\n\n\u{2014} muster.example AAAAAA==\n", "a signature is shorter than five bytes"),
        (&format!("a\n\n{many}"), "more than 128 signatures"),
    ] {
        let said = Note::parse(note.as_bytes()).unwrap_err();
        assert_eq!(said, NoteError::Malformed(what), "{note:.40}");
        assert_eq!(said.to_string(), format!("malformed note: {what}"));
    }
    assert_eq!(Note::parse(b"a\xff\n\n"), Err(NoteError::Malformed("not UTF-8")));
    // At the limits it is one.
    assert_eq!(Note::parse(format!("a\n\n{}", LINE.repeat(128)).as_bytes()).unwrap().signatures().len(), 128);
    let text = "a".repeat(MAX_NOTE - LINE.len() - 2);
    assert_eq!(Note::parse(format!("{text}\n\n{LINE}").as_bytes()).unwrap().text().len(), text.len() + 1);
}

#[test]
fn signatures() {
    let origin = "muster.example/log";
    let signed = Checkpoint { origin: origin.to_owned(), size: 3, root: [7; 32] }.sign(&key());
    let named = |name: &str| key().public().named(name);
    let open = |note: &str, name: &str| Checkpoint::open(note.as_bytes(), &named(name)).unwrap_err();
    let said = open(&signed.replacen("\n3\n", "\n4\n", 1), origin);
    assert_eq!(said.to_string(), "the signature by muster.example/log is wrong");
    assert_eq!(said, NoteError::BadSignature { name: origin.to_owned() });
    let said = open(&signed, "other.example/log");
    assert_eq!(said.to_string(), "the origin is \"muster.example/log\", not \"other.example/log\"");
    assert!(matches!(said, NoteError::Origin { .. }));

    let note = Note::parse(signed.as_bytes()).unwrap();
    let other = DeviceKey::from_seed([8; 32]).public().named(origin);
    let said = note.verify(&other).unwrap_err();
    assert_eq!(said.to_string(), "no signature by muster.example/log");
    assert_eq!(said, NoteError::NoKnownSignature { name: origin.to_owned() });
    assert_eq!(note.verify(&named("x")), Err(NoteError::NoKnownSignature { name: "x".to_owned() }));
    // One wrong line by a known key spoils the note, whatever stands beside it; lines by others do not.
    let line = signed.lines().last().unwrap();
    let wrong = Note::parse(signed.replacen("\n3\n", "\n4\n", 1).as_bytes()).unwrap();
    assert!(wrong.verify(&named(origin)).is_err());
    let bad = format!("{}{}\n", &line[..line.len() - 4], if line.ends_with("AAA=") { "BBA=" } else { "AAA=" });
    let both = Note::parse(format!("{signed}{bad}").as_bytes()).unwrap();
    assert_eq!(both.verify(&named(origin)), Err(NoteError::BadSignature { name: origin.to_owned() }));
    Note::parse(format!("{signed}{LINE}").as_bytes()).unwrap().verify(&named(origin)).unwrap();
}

#[test]
fn checkpoints() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let size = "the size is no whole number in its shortest form";
    for (text, what) in [
        (format!("a\n1\n{root}"), "no newline at the end"),
        ("a\n1\n".to_owned(), "fewer than three lines"),
        (format!("a\n1\n{root}\nextension\n"), "extension lines"),
        (format!("a\n1\n{root}\n\n"), "extension lines"),
        (format!("\n1\n{root}\n"), "no origin"),
        (format!("a\n01\n{root}\n"), size),
        (format!("a\n+1\n{root}\n"), size),
        (format!("a\n-1\n{root}\n"), size),
        (format!("a\n\n{root}\n"), size),
        (format!("a\n18446744073709551616\n{root}\n"), size),
        ("a\n1\nx\n".to_owned(), "the root is not base64"),
        (format!("a\n1\n{}J=\n", &root[..42]), "the root is not base64"),
        ("a\n1\nAAAA\n".to_owned(), "the root is not 32 bytes"),
    ] {
        let said = Checkpoint::parse(&text).unwrap_err();
        assert_eq!(said, NoteError::Checkpoint(what), "{text}");
        assert_eq!(said.to_string(), format!("malformed checkpoint: {what}"));
    }
    assert_eq!(Checkpoint::parse(&format!("a\n18446744073709551615\n{root}\n")).unwrap().size, u64::MAX);
}

#[test]
fn receipts() {
    let head = "c2sp.org/tlog-proof@v1\n";
    let index = "the index is no whole number in its shortest form";
    let hash = write_hashes(&[[7; 32]]);
    for (text, what) in [
        (String::new(), "the first line is not c2sp.org/tlog-proof@v1"),
        ("c2sp.org/tlog-proof@v2\nindex 0\n\n".to_owned(), "the first line is not c2sp.org/tlog-proof@v1"),
        (head.to_owned(), "no index line"),
        (format!("{head}extra AAAA\nindex 0\n\n"), "no index line"),
        (format!("{head}index 0"), "no index line"),
        (format!("{head}index 00\n\n"), index),
        (format!("{head}index -1\n\n"), index),
        (format!("{head}index 0\n{hash}"), "no empty line before the checkpoint"),
        (format!("{head}index 0\nx\n\n"), "a hash is not base64"),
        (format!("{head}index 0\nAAAA\n\n"), "a hash is not 32 bytes"),
        (format!("{head}index 0\n{}\n", hash.repeat(64)), "more than 63 hashes"),
    ] {
        assert_eq!(Receipt::parse(text.as_bytes()), Err(NoteError::Malformed(what)), "{text:.60}");
    }
    assert_eq!(Receipt::parse(b"\xff"), Err(NoteError::Malformed("not UTF-8")));
    assert_eq!(read_hashes(hash.trim_end()), Err(NoteError::Malformed("no newline after the last hash")));
}

#[test]
fn keys() {
    let key = key().public().named("muster.example");
    let good = key.to_string();
    assert_eq!(NamedKey::parse(&good).as_ref(), Ok(&key));
    let [name, id, raw] = good.splitn(3, '+').collect::<Vec<_>>()[..] else { panic!("{good}") };
    for (text, what) in [
        (format!("{name}+{id}"), "not <name>+<id>+<key>"),
        (format!("+{id}+{raw}"), "the name is empty or has a space or a plus sign"),
        (format!("a b+{id}+{raw}"), "the name is empty or has a space or a plus sign"),
        (format!("{name}+{id}+!"), "not base64"),
        // Type byte 2 is another algorithm.
        (format!("{name}+{id}+Ag=="), "not an Ed25519 key"),
        (format!("{name}+{id}+"), "not an Ed25519 key"),
        (format!("{name}+{id}+AQ=="), "not 32 bytes"),
        (format!("{name}+00000000+{raw}"), "the id is not that of name and key"),
        (format!("other.example+{id}+{raw}"), "the id is not that of name and key"),
        (format!("{name}+{}+{raw}", id.to_uppercase()), "the id is not that of name and key"),
    ] {
        let said = NamedKey::parse(&text).unwrap_err();
        assert_eq!(said, NoteError::Key(what), "{text}");
        assert_eq!(said.to_string(), format!("malformed key: {what}"));
    }
    assert_eq!(PublicKey::from_base64("AAAA"), Err(NoteError::Key("not 32 bytes")));
    assert_eq!(PublicKey::from_base64("a"), Err(NoteError::Key("not base64")));
    assert_eq!(DeviceKey::from_pkcs8(b"").unwrap_err(), NoteError::Key("not an Ed25519 key in PKCS#8"));
    // A key pair shows its public half alone.
    let shown = format!("{:?}", crate::made::key());
    assert_eq!(shown, format!("DeviceKey({:?})", key.key().id()));
}
