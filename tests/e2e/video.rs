//! The agent's camera on real pictures: a drawn video file, a network camera, and, where they are, real models and faces.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use muster_edge::camera::models::{ModelSet, opencv_version};
use muster_edge::camera::profile::CameraProfile;
use muster_edge::camera::{
    CameraEvent, CameraFault, CameraHandle, Capability, FaceOutcome, Look, cosine, template_of_image,
};
use muster_tests::video::{Scene, SimCamera, write_file};

const PATIENCE: Duration = Duration::from_secs(60);

fn watch(profile: &str, source: &str, models: Option<&Path>) -> (CameraHandle, std::sync::mpsc::Receiver<CameraEvent>) {
    let profile = CameraProfile::find(profile, Some(source)).unwrap();
    let models = ModelSet::load(models, opencv_version()).unwrap();
    let (out, events) = channel();
    let camera = CameraHandle::spawn("camera".into(), profile, models, out, |event| event);
    match events.recv_timeout(PATIENCE).unwrap() {
        CameraEvent::Up { .. } => (camera, events),
        other => panic!("{other:?}"),
    }
}

/// The shared folder of models and faces, for those who develop.
fn shared(folder: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join("shared").join(folder);
    let found = [here, PathBuf::from("/work/shared").join(folder)].into_iter().find(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: this test needs shared/{folder}, which is not here");
    }
    found
}

#[test]
fn a_recording_is_decoded_and_the_drawn_face_in_it_found() {
    let dir = tempfile::tempdir().unwrap();
    for (scene, outcome) in [(Scene::Person(1), FaceOutcome::Face), (Scene::Empty, FaceOutcome::NoFace)] {
        let file = dir.path().join("recording.avi");
        write_file(&file, scene, 2).unwrap();
        let (camera, _events) = watch("video-file", file.to_str().unwrap(), None);
        assert_eq!(camera.capability(), Capability::Presence, "opencv-data is not installed");
        let seen = camera.look(&Look::default(), Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!((seen.outcome, seen.detector), (outcome, "haar"));
        assert!(seen.frames > 0 && seen.frame_sha256.is_some());
    }
}

#[test]
fn a_network_camera_that_is_covered_frozen_or_cut_off_says_so() {
    let sim = SimCamera::start(Scene::Person(2)).unwrap();
    let (camera, events) = watch("http-mjpeg", &sim.url, None);
    let seen = camera.look(&Look::default(), Duration::from_secs(1), PATIENCE);
    assert_eq!(seen.outcome, FaceOutcome::Face);
    let expect = |want: Option<CameraFault>| match (events.recv_timeout(PATIENCE).unwrap(), want) {
        (CameraEvent::Up { .. }, None) => {}
        (CameraEvent::Down { reason, .. }, Some(want)) => assert_eq!(reason, want),
        other => panic!("{other:?}"),
    };
    sim.show(Scene::Covered).unwrap();
    expect(Some(CameraFault::Covered));
    let seen = camera.look(&Look::default(), Duration::ZERO, Duration::from_millis(200));
    assert_eq!(seen.outcome, FaceOutcome::NoCamera, "what a covered lens shows is not that nobody is there");
    sim.show(Scene::Empty).unwrap();
    expect(None);
    sim.show(Scene::Frozen).unwrap();
    expect(Some(CameraFault::Frozen));
    sim.show(Scene::Person(3)).unwrap();
    expect(None);
    sim.set_working(false);
    expect(Some(CameraFault::Lost));
    sim.set_working(true);
    expect(None);
}

#[test]
fn a_camera_that_keeps_its_line_and_sends_nothing_is_lost() {
    let sim = SimCamera::start(Scene::Person(2)).unwrap();
    let (camera, events) = watch("http-mjpeg", &sim.url, None);
    sim.set_stalled(true);
    // Who asks is told, whatever the camera's own thread is waiting for.
    let start = std::time::Instant::now();
    let told = loop {
        if let Some(event) = camera.check().or_else(|| events.try_recv().ok()) {
            break event;
        }
        assert!(start.elapsed() < PATIENCE, "nobody noticed");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(matches!(told, CameraEvent::Down { reason: CameraFault::Lost, .. }), "{told:?}");
    let seen = camera.look(&Look::default(), Duration::from_secs(1), Duration::from_millis(100));
    assert_eq!(seen.outcome, FaceOutcome::NoCamera);
    sim.set_stalled(false);
    assert!(matches!(events.recv_timeout(PATIENCE).unwrap(), CameraEvent::Up { .. }));
}

#[test]
fn with_models_a_drawn_face_is_found_by_the_real_detector() {
    let Some(models) = shared("models") else { return };
    let sim = SimCamera::start(Scene::Person(4)).unwrap();
    let (camera, _events) = watch("http-mjpeg", &sim.url, Some(&models));
    assert_eq!(camera.capability(), Capability::Identity);
    let seen = camera.look(&Look::default(), Duration::from_secs(1), PATIENCE);
    assert_eq!((seen.outcome, seen.detector), (FaceOutcome::Face, "yunet-2022mar"));
    assert_eq!(seen.embedding.map(|e| e.len()), Some(128));
    assert!(seen.live.is_some());
}

#[test]
fn with_models_and_faces_the_same_match_and_others_do_not() {
    let (Some(models), Some(faces)) = (shared("models"), shared("faces")) else { return };
    let models = ModelSet::load(Some(&models), opencv_version()).unwrap();
    let pairs = std::fs::read_to_string(faces.join("pairs.csv")).unwrap();
    let mut templates = std::collections::BTreeMap::new();
    let (mut same, mut other, mut wrong, mut unusable) = (0, 0, 0, 0);
    for line in pairs.lines().skip(1) {
        let parts: Vec<&str> = line.split(',').collect();
        for file in &parts[..2] {
            templates.entry((*file).to_owned()).or_insert_with(|| template_of_image(&faces.join(file), &models).ok());
        }
        let (Some(Some(a)), Some(Some(b))) = (templates.get(parts[0]), templates.get(parts[1])) else {
            unusable += 1;
            continue;
        };
        let is_same = parts[2] == "1";
        *(if is_same { &mut same } else { &mut other }) += 1;
        wrong += u32::from((cosine(a, b) >= models.thresholds.same) != is_same);
    }
    eprintln!(
        "{same} genuine and {other} impostor pairs, {wrong} wrong at the threshold, {unusable} pairs with a picture below the gate"
    );
    assert!(same >= 40 && other >= 120, "too many pictures were refused: {unusable}");
    assert_eq!(wrong, 0);
}
