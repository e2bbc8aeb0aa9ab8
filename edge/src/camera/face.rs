//! OpenCV on one frame: find the largest face, measure it, embed it, ask how live it is.

use std::path::Path;

use anyhow::{Context, Result, bail};
use muster_seal::merkle::sha256;
use opencv::core::{self, Mat, MatTraitConst, MatTraitConstManual, Ptr, Rect, Scalar, Size, Vector};
use opencv::dnn::{self, NetTrait};
use opencv::objdetect::{
    CascadeClassifier, CascadeClassifierTrait, FaceDetectorYN, FaceDetectorYNTrait, FaceRecognizerSF,
    FaceRecognizerSFTrait, FaceRecognizerSFTraitConst,
};
use opencv::{imgcodecs, imgproc};

use super::choose::SeenFace;
use super::models::ModelSet;
use super::quality::{Gate, Measured};
use super::watch::Frame;

/// Detection looks at a picture of at most this width: a face at a kiosk fills enough of it.
const DETECT_WIDTH: i32 = 640;

/// The models, loaded. One for each thread.
pub struct Eyes {
    detector: Option<Ptr<FaceDetectorYN>>,
    cascade: Option<CascadeClassifier>,
    recogniser: Option<Ptr<FaceRecognizerSF>>,
    liveness: Vec<(dnn::Net, f64)>,
    gate: Gate,
    /// Which detector.
    pub name: &'static str,
}

/// A found face: its box, and YuNet's row of landmarks.
struct Found {
    bounds: Rect,
    row: Option<Mat>,
    turn: Option<f64>,
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("a model's path is not UTF-8")
}

impl Eyes {
    /// Loads the models.
    pub fn open(models: &ModelSet, gate: Gate) -> Result<Self> {
        core::set_num_threads(1)?;
        let size = Size::new(320, 240);
        let detector = match &models.detector {
            Some((_, file)) => Some(FaceDetectorYN::create(path(file)?, "", size, 0.8, 0.3, 50, 0, 0)?),
            None => None,
        };
        let cascade = match &models.cascade {
            Some((file, _)) => Some(CascadeClassifier::new(path(file)?)?),
            None => None,
        };
        let recogniser = match &models.recogniser {
            Some((_, file)) if detector.is_some() => Some(FaceRecognizerSF::create(path(file)?, "", 0, 0)?),
            _ => None,
        };
        let mut liveness = Vec::new();
        for (model, file) in &models.liveness {
            let net = dnn::read_net_from_onnx(path(file)?)?;
            liveness.push((net, f64::from(model.crop.unwrap_or(2700)) / 1000.0));
        }
        let name = match (&models.detector, &models.cascade) {
            (Some((m, _)), _) if m.id == "yunet-2022mar" => "yunet-2022mar",
            (Some(_), _) => "yunet-2023mar",
            (None, Some(_)) => "haar",
            (None, None) => "none",
        };
        Ok(Self { detector, cascade, recogniser, liveness, gate, name })
    }

    /// Looks at a frame: the largest face in it.
    pub fn look(&mut self, frame: &Mat) -> Result<Option<SeenFace>> {
        let Some(found) = self.find(frame)? else { return Ok(None) };
        let measured = measure(frame, &found)?;
        let quality = self.gate.judge(&measured);
        let (mut embedding, mut live) = (None, None);
        if quality.is_ok() {
            if let (Some(recogniser), Some(row)) = (&mut self.recogniser, &found.row) {
                embedding = Some(embed(recogniser, frame, row)?);
            }
            if !self.liveness.is_empty() {
                live = Some(self.live(frame, found.bounds)?);
            }
        }
        Ok(Some(SeenFace { quality, embedding, live }))
    }

    fn find(&mut self, frame: &Mat) -> Result<Option<Found>> {
        let scale = (f64::from(DETECT_WIDTH) / f64::from(frame.cols())).min(1.0);
        let mut small = Mat::default();
        if scale < 1.0 {
            imgproc::resize(frame, &mut small, Size::default(), scale, scale, imgproc::INTER_AREA)?;
        } else {
            small = frame.try_clone()?;
        }
        let up = |v: f32| (f64::from(v) / scale) as f32;
        if let Some(detector) = &mut self.detector {
            detector.set_input_size(small.size()?)?;
            let mut faces = Mat::default();
            detector.detect(&small, &mut faces)?;
            let area = |i: &i32| -> f32 {
                faces.at_2d::<f32>(*i, 2).copied().unwrap_or(0.0) * faces.at_2d::<f32>(*i, 3).copied().unwrap_or(0.0)
            };
            let Some(best) = (0..faces.rows()).max_by(|a, b| area(a).total_cmp(&area(b))) else { return Ok(None) };
            // A row: box, five landmarks (right eye, left eye, nose, mouth corners), score. Back to the frame's scale.
            let mut row = faces.row(best)?.try_clone()?;
            let mut v = [0.0f32; 14];
            for (i, value) in v.iter_mut().enumerate() {
                *value = up(*row.at_2d::<f32>(0, i as i32)?);
                *opencv::core::MatTrait::at_2d_mut::<f32>(&mut row, 0, i as i32)? = *value;
            }
            let (eye, middle) = ((v[4] - v[6]).hypot(v[5] - v[7]), (v[4] + v[6]) / 2.0);
            let turn = Some(f64::from((v[8] - middle).abs() / eye.max(1.0)));
            let bounds = Rect::new(v[0] as i32, v[1] as i32, v[2] as i32, v[3] as i32);
            return Ok(Some(Found { bounds, row: Some(row), turn }));
        }
        let Some(cascade) = &mut self.cascade else { return Ok(None) };
        let mut grey = Mat::default();
        imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_BGR2GRAY)?;
        let mut faces = Vector::<Rect>::new();
        cascade.detect_multi_scale(&grey, &mut faces, 1.1, 5, 0, Size::new(60, 60), Size::default())?;
        let best = faces.iter().max_by_key(|r| r.area());
        let back = |n: i32| up(n as f32) as i32;
        Ok(best.map(|r| Found {
            bounds: Rect::new(back(r.x), back(r.y), back(r.width), back(r.height)),
            row: None,
            turn: None,
        }))
    }

    /// The mean over the models of the soft-max of class 1, per mille.
    fn live(&mut self, frame: &Mat, face: Rect) -> Result<i64> {
        let mut sum = 0.0;
        for (net, crop) in &mut self.liveness {
            let part = Mat::roi(frame, surroundings(face, *crop, frame.cols(), frame.rows()))?;
            let mut small = Mat::default();
            imgproc::resize(&part, &mut small, Size::new(80, 80), 0.0, 0.0, imgproc::INTER_LINEAR)?;
            let blob =
                dnn::blob_from_image(&small, 1.0, Size::new(80, 80), Scalar::default(), false, false, core::CV_32F)?;
            net.set_input(&blob, "", 1.0, Scalar::default())?;
            let out = net.forward_single_def()?;
            let scores = out.data_typed::<f32>()?;
            let top = scores.iter().copied().fold(f32::MIN, f32::max);
            let total: f32 = scores.iter().map(|s| (s - top).exp()).sum();
            sum += f64::from((scores.get(1).copied().unwrap_or(f32::MIN) - top).exp() / total);
        }
        Ok((sum / self.liveness.len() as f64 * 1000.0).round() as i64)
    }
}

/// The face's box scaled about its centre and shifted to stay in the picture.
fn surroundings(face: Rect, crop: f64, cols: i32, rows: i32) -> Rect {
    let (w, h) = (f64::from(face.width.max(1)), f64::from(face.height.max(1)));
    let scale = crop.min(f64::from(cols - 1) / w).min(f64::from(rows - 1) / h);
    let (width, height) = ((w * scale) as i32, (h * scale) as i32);
    let x = (face.x + face.width / 2 - width / 2).clamp(0, (cols - width).max(0));
    let y = (face.y + face.height / 2 - height / 2).clamp(0, (rows - height).max(0));
    Rect::new(x, y, width.max(1), height.max(1))
}

fn embed(recogniser: &mut Ptr<FaceRecognizerSF>, frame: &Mat, row: &Mat) -> Result<Vec<f32>> {
    let (mut aligned, mut feature) = (Mat::default(), Mat::default());
    recogniser.align_crop(frame, row, &mut aligned)?;
    recogniser.feature(&aligned, &mut feature)?;
    Ok(feature.data_typed::<f32>()?.to_vec())
}

fn measure(frame: &Mat, found: &Found) -> Result<Measured> {
    let whole = Rect::new(0, 0, frame.cols(), frame.rows());
    let bounds = found.bounds & whole;
    if bounds.width < 2 || bounds.height < 2 {
        return Ok(Measured::default());
    }
    let face = Mat::roi(frame, bounds)?;
    let (mut grey, mut edges) = (Mat::default(), Mat::default());
    imgproc::cvt_color_def(&face, &mut grey, imgproc::COLOR_BGR2GRAY)?;
    imgproc::laplacian_def(&grey, &mut edges, core::CV_64F)?;
    let (_, deviation) = spread(&edges)?;
    let (brightness, _) = spread(&grey)?;
    Ok(Measured { width: f64::from(bounds.width), sharpness: deviation * deviation, brightness, turn: found.turn })
}

fn spread(mat: &Mat) -> Result<(f64, f64)> {
    let (mut mean, mut deviation) = (Vector::<f64>::new(), Vector::<f64>::new());
    core::mean_std_dev_def(mat, &mut mean, &mut deviation)?;
    Ok((mean.get(0)?, deviation.get(0)?))
}

/// What the watch wants to know of a frame.
pub fn facts(frame: &Mat) -> Result<Frame> {
    let mut grey = Mat::default();
    imgproc::cvt_color_def(frame, &mut grey, imgproc::COLOR_BGR2GRAY)?;
    let (mean, deviation) = spread(&grey)?;
    Ok(Frame { sha256: sha256(frame.data_bytes()?), mean, deviation })
}

/// See [`super::template_of_image`].
pub fn template_of_image(file: &Path, models: &ModelSet) -> Result<Vec<f32>> {
    if models.capability() != super::Capability::Identity {
        bail!("the models for faces are not installed: run models/install");
    }
    let picture = imgcodecs::imread(path(file)?, imgcodecs::IMREAD_COLOR)?;
    if picture.empty() {
        bail!("{} is not a picture that can be read", file.display());
    }
    let mut eyes = Eyes::open(models, Gate { min_sharpness: 0.0, ..Gate::default() })?;
    match eyes.look(&picture)? {
        Some(SeenFace { embedding: Some(embedding), .. }) => Ok(embedding),
        Some(face) => bail!("the face in {} cannot be used: {:?}", file.display(), face.quality.err()),
        None => bail!("there is no face in {}", file.display()),
    }
}
