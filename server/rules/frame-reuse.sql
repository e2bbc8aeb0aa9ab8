-- id: frame-reuse
-- grade: certain
-- family: identity
-- title_zh: 画面重复
-- title_en: One picture, used twice
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: min_apart_s = 60 (catalogue: a driver that repeats its last buffer does so within seconds)
-- explain_zh: 同一帧带有人脸的画面在不同课次中重复出现，每个像素都相同；真实摄像头的噪声使这不可能发生。涉及 {sessions} 个课次、{cells} 个申领学时。
-- explain_en: The very same picture of a face, equal in every pixel, was recorded in more than one session; the noise of a real camera makes that impossible. {sessions} sessions and {cells} claimed hours hang on it.
-- explain_same-session_zh: 同一课次中，同一帧带有人脸的画面相隔一分钟以上用于不同学员，每个像素都相同，且当时没有摄像头故障记录。涉及 {cells} 个申领学时。
-- explain_same-session_en: In one session the very same picture of a face, equal in every pixel, served different trainees more than a minute apart, and no camera fault was recorded then. {cells} claimed hours hang on it.
-- innocent_zh: 摄像头驱动重复输出最后一帧（同一课次、相隔数秒，不在此列）。
-- innocent_en: A driver that repeats its last buffer: within seconds in one session, which is not counted here.
-- next_zh: 封存终端，检查摄像头线路与画面来源。
-- next_en: Seize the terminal; check where its pictures come from.
WITH pictures AS MATERIALIZED (
  SELECT f.class, f.trainee, f.device, f.counter, f.seq, f."at", f.frame_hash
  FROM faces f
  JOIN (SELECT frame_hash FROM faces
        -- A face has to be in it: a covered lens may give the same black picture for days.
        WHERE frame_hash IS NOT NULL AND outcome IN ('match', 'face', 'again', 'mismatch')
        GROUP BY frame_hash HAVING COUNT(*) >= 2) h ON h.frame_hash = f.frame_hash
  -- A frozen camera that was recorded as such deceives nobody.
  WHERE NOT EXISTS (SELECT 1 FROM faults x WHERE x.device = f.device AND x.counter = f.counter
                    AND x.part = 'camera' AND x."from" <= f."at" AND x."to" >= f."at")
), again AS (
  SELECT frame_hash, COUNT(DISTINCT device || '/' || CAST(counter AS VARCHAR)) AS logs,
         COUNT(DISTINCT class || '/' || trainee) AS trainees
  FROM pictures GROUP BY frame_hash HAVING MAX("at") - MIN("at") > $min_apart_s * 1000
)
SELECT c.class, p.device AS subject, c.trainee, c.cell,
       CAST(CASE WHEN a.logs >= 2 THEN 'across' ELSE 'same-session' END AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, p.device, p.counter, p.seq AS seq_from, p.seq AS seq_to,
       CAST(CASE WHEN a.logs >= 2 THEN 'certain' ELSE 'strong' END AS VARCHAR) AS grade,
       CAST('device' AS VARCHAR) AS about
FROM again a
JOIN pictures p ON p.frame_hash = a.frame_hash
JOIN claimed_cells c ON c.class = p.class AND c.trainee = p.trainee AND c.device = p.device AND c.counter = p.counter
WHERE (a.logs >= 2 OR a.trainees >= 2) AND c.shape <> 'unproven'
