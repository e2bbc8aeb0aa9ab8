//! Drawn pictures: faces of nobody, an empty room; as a real video file, and as a network camera whose scene can be changed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use opencv::core::{self, CV_8UC3, Mat, MatTraitConst, Point, Scalar, Size, Vector};
use opencv::imgproc::{self, LINE_AA};
use opencv::videoio::{VideoWriterTrait, VideoWriterTraitConst};
use opencv::{imgcodecs, videoio};

/// What is in front of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Nobody.
    Empty,
    /// The n-th drawn person.
    Person(usize),
    /// A hand over the lens.
    Covered,
    /// One picture, again and again.
    Frozen,
}

const W: i32 = 640;
const H: i32 = 480;
/// So many pictures of a scene are drawn, each with its own noise and turn.
const VARIANTS: u64 = 8;

fn ellipse(m: &mut Mat, x: f64, y: f64, w: f64, h: f64, (b, g, r): (f64, f64, f64)) -> Result<()> {
    let (centre, axes) = (Point::new(x as i32, y as i32), Size::new(w as i32, h as i32));
    Ok(imgproc::ellipse(m, centre, axes, 0.0, 0.0, 360.0, Scalar::new(b, g, r, 0.0), -1, LINE_AA, 0)?)
}

/// Draws one picture of a scene.
///
/// # Errors
/// What OpenCV says.
pub fn draw(scene: Scene, variant: u64) -> Result<Mat> {
    let ground =
        if scene == Scene::Covered { Scalar::new(4.0, 4.0, 5.0, 0.0) } else { Scalar::new(176.0, 182.0, 186.0, 0.0) };
    let mut m = Mat::new_rows_cols_with_default(H, W, CV_8UC3, ground)?;
    if scene != Scene::Covered {
        // A blackboard, a window and a row of desks.
        let fill = |m: &mut Mat, x, y, w, h, c| imgproc::rectangle(m, core::Rect::new(x, y, w, h), c, -1, LINE_AA, 0);
        fill(&mut m, 40, 60, 230, 120, Scalar::new(70.0, 92.0, 60.0, 0.0))?;
        fill(&mut m, 470, 40, 130, 170, Scalar::new(236.0, 228.0, 214.0, 0.0))?;
        fill(&mut m, 0, 390, 640, 90, Scalar::new(88.0, 120.0, 156.0, 0.0))?;
    }
    if let Scene::Person(n) = scene {
        face(&mut m, n as f64, variant as f64)?;
    }
    let mut noise = Mat::new_rows_cols_with_default(H, W, CV_8UC3, Scalar::default())?;
    let mut rng = core::RNG::new(variant * 7919 + 17)?;
    let (low, high) = (Scalar::all(0.0), Scalar::all(7.0));
    core::RNGTrait::fill(&mut rng, &mut noise, core::RNG_UNIFORM, &low, &high, false)?;
    let mut out = Mat::default();
    core::add_def(&m, &noise, &mut out)?;
    Ok(out)
}

/// A face of ellipses with shading: skin, hair, brows, eyes with whites and pupils, a lighter nose, a darker mouth.
fn face(m: &mut Mat, n: f64, variant: f64) -> Result<()> {
    let size = 118.0 + (n * 3.0) % 14.0;
    let turn = ((variant * 1.7).sin() * 0.04) * size;
    let (x, y) = (330.0 + turn, 235.0 + (variant * 0.9).cos() * 3.0);
    let light = 1.0 + (variant * 0.7).sin() * 0.04;
    let skin = (132.0 * light, 168.0 * light, 208.0 * light);
    let shade = |k: f64| (skin.0 * k, skin.1 * k, skin.2 * k);
    let hair = (28.0 + n * 2.0 % 20.0, 26.0, 30.0);
    ellipse(m, x, y + size * 1.75, size * 1.35, size * 0.75, (120.0, 80.0 + (n * 37.0) % 90.0, 60.0))?; // shoulders
    ellipse(m, x, y + size * 0.95, size * 0.34, size * 0.5, shade(0.86))?; // neck
    ellipse(m, x, y - size * 0.28, size * 0.84, size * 0.98, hair)?;
    ellipse(m, x, y, size * 0.74, size, skin)?;
    ellipse(m, x, y - size * 0.78, size * 0.62, size * 0.3, hair)?; // fringe
    for side in [-1.0, 1.0] {
        let ex = x + side * size * (0.31 + (n * 0.01) % 0.03) + turn * 0.5;
        let ey = y - size * 0.16;
        ellipse(m, ex, ey, size * 0.2, size * 0.13, shade(0.74))?; // socket
        ellipse(m, ex, ey - size * 0.17, size * 0.19, size * 0.04, hair)?; // brow
        ellipse(m, ex, ey, size * 0.13, size * 0.065, (240.0, 240.0, 242.0))?;
        ellipse(m, ex + turn * 0.2, ey, size * 0.06, size * 0.062, (30.0, 34.0, 40.0))?;
        ellipse(m, x + side * size * 0.72, y, size * 0.08, size * 0.18, shade(0.9))?; // ear
        ellipse(m, x + side * size * 0.36, y + size * 0.3, size * 0.17, size * 0.13, shade(0.96))?; // cheek
    }
    ellipse(m, x + turn, y + size * 0.14, size * 0.08, size * 0.27, shade(1.1))?;
    ellipse(m, x + turn, y + size * 0.36, size * 0.13, size * 0.06, shade(0.78))?;
    ellipse(m, x + turn * 0.7, y + size * 0.6, size * 0.27, size * 0.075, (96.0, 92.0, 160.0))?;
    ellipse(m, x + turn * 0.7, y + size * 0.6, size * 0.25, size * 0.015, (60.0, 50.0, 90.0))?;
    let blurred = m.try_clone()?;
    let kernel = ((size / 45.0 * 2.0) as i32 | 1).max(3);
    imgproc::gaussian_blur_def(&blurred, m, Size::new(kernel, kernel), 0.0)?;
    Ok(())
}

fn jpegs(scene: Scene) -> Result<Vec<Vec<u8>>> {
    let count = if scene == Scene::Frozen { 1 } else { VARIANTS };
    let drawn = if scene == Scene::Frozen { Scene::Empty } else { scene };
    (0..count)
        .map(|v| {
            let mut out = Vector::<u8>::new();
            imgcodecs::imencode_def(".jpg", &draw(drawn, v)?, &mut out)?;
            Ok(out.as_slice().to_vec())
        })
        .collect()
}

/// Writes a real video file (motion JPEG in AVI), 10 frames a second.
///
/// # Errors
/// When it cannot be written.
pub fn write_file(path: &Path, scene: Scene, seconds: u64) -> Result<()> {
    let name = path.to_str().context("the path is not UTF-8")?;
    let code = videoio::VideoWriter::fourcc('M', 'J', 'P', 'G')?;
    let mut out = videoio::VideoWriter::new(name, code, 10.0, Size::new(W, H), true)?;
    ensure!(out.is_opened()?, "no video can be written here");
    for n in 0..seconds * 10 {
        out.write(&draw(scene, n)?)?;
    }
    Ok(out.release()?)
}

/// A network camera: motion JPEG over HTTP on loopback.
#[derive(Debug)]
pub struct SimCamera {
    /// Its address.
    pub url: String,
    shown: Arc<Mutex<Arc<Vec<Vec<u8>>>>>,
    works: Arc<AtomicBool>,
    stalls: Arc<AtomicBool>,
    viewers: Arc<AtomicU32>,
}

impl SimCamera {
    /// Starts a camera that shows a scene.
    ///
    /// # Errors
    /// When no port is free or nothing can be drawn.
    pub fn start(scene: Scene) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/camera.mjpg", listener.local_addr()?);
        let camera = Self {
            url,
            shown: Arc::new(Mutex::new(Arc::new(jpegs(scene)?))),
            works: Arc::new(AtomicBool::new(true)),
            stalls: Arc::default(),
            viewers: Arc::default(),
        };
        let (shown, works, viewers) = (camera.shown.clone(), camera.works.clone(), camera.viewers.clone());
        let stalls = camera.stalls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shown, works, viewers) = (shown.clone(), works.clone(), viewers.clone());
                let stalls = stalls.clone();
                std::thread::spawn(move || {
                    viewers.fetch_add(1, Ordering::SeqCst);
                    let _ = stream_to(stream, &shown, &works, &stalls);
                    viewers.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(camera)
    }

    /// Changes the scene.
    ///
    /// # Errors
    /// When nothing can be drawn.
    pub fn show(&self, scene: Scene) -> Result<()> {
        let pictures = Arc::new(jpegs(scene)?);
        *self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = pictures;
        Ok(())
    }

    /// Lets the camera keep its connections and send nothing more, or go on.
    pub fn set_stalled(&self, stalls: bool) {
        self.stalls.store(stalls, Ordering::SeqCst);
    }

    /// Cuts the camera off, or puts it back.
    pub fn set_working(&self, works: bool) {
        self.works.store(works, Ordering::SeqCst);
    }
}

fn stream_to(
    mut stream: TcpStream,
    shown: &Mutex<Arc<Vec<Vec<u8>>>>,
    works: &AtomicBool,
    stalls: &AtomicBool,
) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    if !works.load(Ordering::SeqCst) {
        return Ok(());
    }
    stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")?;
    for n in 0.. {
        if !works.load(Ordering::SeqCst) {
            break;
        }
        while stalls.load(Ordering::SeqCst) && works.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let pictures = shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let jpeg = &pictures[n % pictures.len()];
        write!(stream, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len())?;
        stream.write_all(jpeg)?;
        stream.write_all(b"\r\n")?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
