//! The main job, end to end: two sites, one bureau, one auditor. What `make demo` runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::bureau::{Bureau, program};
use crate::office::{self, Office};
use crate::site::Site;
use crate::story::{self, CLAIMS_HEAD, Class, Part};
use crate::video::Scene;

/// Runs the demo in a folder. With `once` it ends; otherwise the pages stay up until Ctrl-C.
///
/// # Errors
/// When anything does not come out as it must.
#[allow(clippy::print_stdout, reason = "this is what the demo shows")]
pub fn run_demo(out: &Path, once: bool) -> Result<()> {
    let _ = fs::remove_dir_all(out);
    fs::create_dir_all(out)?;
    let out = &out.canonicalize()?;
    let models = Some(PathBuf::from("target/models")).filter(|p| p.join("face_detection_yunet_2022mar.onnx").exists());
    match &models {
        Some(_) => println!("人脸模型已安装 / face models are installed"),
        None => println!("未安装人脸模型：仅检测是否有人脸 / no face models: only whether a face is there"),
    }
    println!("启动主管部门服务 / starting the bureau …");
    let bureau = story::bureau(out)?;
    println!("启动审计机关与财政部门的见证人 / starting the witnesses of the audit and the finance office …");
    let offices =
        ["audit", "finance"].map(|name| Office::start(out, name, &bureau)).into_iter().collect::<Result<Vec<_>>>()?;
    let offices: Vec<&Office> = offices.iter().collect();
    office::policy(&bureau, &offices, "all")?;
    // One session a class is all a demo has: the rules' minimum sizes are lowered, as a small bureau might. And it may be night.
    fs::create_dir_all(bureau.data.join("rules"))?;
    fs::write(
        bureau.data.join("rules/thresholds.toml"),
        "[phantom-trainee]\nmin_sessions = 1\n\n[card-no-face]\nmin_sessions = 1\n\n[night-or-closed]\nopen_min = 0\nclose_min = 2880\n",
    )?;
    let mut honest = Class::new("A-2026", "s1", 1, &[Part::Attends; 4]);
    let mut padded = Class::new("B-2026", "s2", 21, &[Part::Attends, Part::Attends, Part::Absent, Part::CardOnly]);
    (honest.title, padded.title) = ("养老护理员一班".to_owned(), "养老护理员二班".to_owned());
    padded.never_held = 4;
    thread::scope(|s| {
        let sites: Vec<_> = [&honest, &padded]
            .map(|class| s.spawn(|| hold(out, &bureau, class, models.as_deref())))
            .into_iter()
            .collect();
        sites.into_iter().try_for_each(|site| site.join().map_err(|_| anyhow!("a site's story panicked"))?)
    })?;

    println!("导入申领并核对 / importing the claims and reconciling …");
    let claims = out.join("claims.csv");
    fs::write(&claims, format!("{CLAIMS_HEAD}{}{}", honest.claims(4), padded.claims(12)))?;
    bureau.import_file("claims", &claims)?;
    let findings = out.join("findings.json");
    let table = bureau.cli(&["reconcile", "--json", findings.to_str().context("the path is not UTF-8")?])?;

    println!("导出审计包并由审计方核验 / exporting bundles, and the auditor verifies them …");
    let bundles = out.join("bundles");
    bureau.cli(&["bundle", "--out", bundles.to_str().context("the path is not UTF-8")?])?;
    fs::write(out.join("trust.toml"), office::trust(&bureau, &offices, "all")?)?;
    let audit = Command::new(program("muster-audit")?)
        .arg("verify")
        .arg("--trust")
        .arg(out.join("trust.toml"))
        .arg(&bundles)
        .output()?;
    print!("{}", String::from_utf8_lossy(&audit.stdout));
    anyhow::ensure!(audit.status.success(), "the auditor refused a bundle");
    println!("\n{table}");
    println!("结果 / results: {}", out.display());
    if once {
        return Ok(());
    }
    println!("\n主管部门页面 / the bureau's page: {}\n按 Ctrl-C 结束 / Ctrl-C ends it", bureau.pages);
    loop {
        thread::park();
    }
}

#[allow(clippy::print_stdout, reason = "this is what the demo shows")]
fn hold(out: &Path, bureau: &Bureau, class: &Class, models: Option<&Path>) -> Result<()> {
    let models = models.map(Path::canonicalize).transpose()?;
    let code = bureau.cli(&["enrol-code", "--site", &class.site])?;
    let site =
        Site::start(&out.join(&class.site), &bureau.devices, code.trim(), Some(Scene::Empty), models.as_deref())?;
    let start = class.plan(bureau)?;
    println!("{}: 终端已注册，签到中 / device enrolled, checking in ({})", class.site, site.kiosk);
    class.hold(&site, start)?;
    println!("{}: 课次已封存并上传 / session sealed and sent", class.site);
    Ok(())
}
