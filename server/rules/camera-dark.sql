-- id: camera-dark
-- grade: strong
-- family: place
-- title_zh: 摄像头遮挡或冻结
-- title_en: A camera that was dark for one class
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: max_permille = 200 (customary: a fifth of the time)
-- threshold: min_sessions = 3 (customary: dark in three sessions)
-- threshold: times = 2 (customary: twice as much as for the other classes of the terminal)
-- explain_zh: 该班 {sessions} 个课次中摄像头被遮挡、冻结或断开，每千秒中有 {n} 秒，而同一终端在其他班的课上基本正常；其间仅凭刷卡的有 {cells} 个申领学时。
-- explain_en: In {sessions} sessions of this class the camera was covered, frozen or gone, {n} seconds in a thousand, and for other classes on the same terminal it was not; {cells} claimed hours of that time rest on the card alone.
-- explain_alone_zh: 该班 {sessions} 个课次中摄像头被遮挡、冻结或断开，每千秒中有 {n} 秒；该终端没有其他班可以比较。其间仅凭刷卡的有 {cells} 个申领学时。
-- explain_alone_en: In {sessions} sessions of this class the camera was covered, frozen or gone, {n} seconds in a thousand; no other class on the terminal can be compared. {cells} claimed hours of that time rest on the card alone.
-- innocent_zh: 线缆松动、阳光直射、灰尘；同一时间各班都受影响的共用故障。
-- innocent_en: A cable, the sun, dust; an outage that all classes share.
-- next_zh: 两日内报修。
-- next_en: A repair ticket within two days.
WITH times AS (
  SELECT class, device, COUNT(DISTINCT CASE WHEN fault_camera_s > 0 THEN session END) AS sessions,
         SUM(fault_camera_s) AS dark_s, SUM(close - open) AS all_ms
  FROM sessions WHERE has_camera GROUP BY class, device
), compared AS (
  -- What the terminal did for all its classes, less this one.
  SELECT class, device, sessions, dark_s, all_ms,
         SUM(dark_s) OVER (PARTITION BY device) - dark_s AS other_s,
         SUM(all_ms) OVER (PARTITION BY device) - all_ms AS other_ms
  FROM times
), dark AS (
  SELECT class, device, sessions, other_ms,
         CAST((dark_s * 1000000 - dark_s * 1000000 % all_ms) / all_ms AS BIGINT) AS n
  FROM compared
  WHERE all_ms > 0 AND sessions >= $min_sessions AND dark_s * 1000000 > $max_permille * all_ms
    -- As dark for the others, it is broken, and no choice of this class.
    AND (other_ms = 0 OR dark_s * other_ms >= $times * other_s * all_ms)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CAST(CASE WHEN d.other_ms > 0 THEN 'selective' ELSE 'alone' END AS VARCHAR) AS kind, c.lesson,
       -- It cuts, and accuses nobody; so hours that the dark itself made unproven are among them.
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CAST(CASE WHEN d.other_ms > 0 THEN 'strong' ELSE 'weak' END AS VARCHAR) AS grade, d.sessions, d.n
FROM dark d
JOIN claimed_cells c ON c.class = d.class AND c.device = d.device AND c.level <= 1 AND NOT c.manual
WHERE EXISTS (SELECT 1 FROM faults x
              WHERE x.device = c.device AND x.counter = c.counter AND x.part = 'camera'
                AND (c.shape = 'unproven' AND c.reason = 'unproven' AND x.seq = c.seq_from
                  OR (c.shape = 'attested' OR c.reason = 'low-assurance') AND x."from" < c."end" AND x."to" > c.start))
