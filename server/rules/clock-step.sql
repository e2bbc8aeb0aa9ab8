-- id: clock-step
-- grade: weak
-- family: log
-- title_zh: 时钟跳变
-- title_en: A clock turned to fit the timetable
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_step_s = 300 (customary: less is a clock that was put right)
-- threshold: min_sessions = 2 (customary: once is a dead battery)
-- threshold: within_d = 30 (customary: in one month)
-- threshold: strong_step_s = 1800 (customary: set back by half an hour; a dead battery wakes in the past and is set forward, and no clock runs ahead that far)
-- threshold: strong_sessions = 3 (customary: three sessions of one class that gained by it; the catalogue has the rule weak, which it is for less)
-- explain_zh: 该终端在三十天内有 {sessions} 个课次出现超过五分钟的时钟跳变，且跳变使核验学时增加，共多出 {n} 个学时；本班相应的 {cells} 个申领学时供查看。
-- explain_en: In {sessions} sessions within thirty days this terminal's clock jumped by more than five minutes, each time so that more hours were attested, {n} in all; as many of this class's claimed hours, {cells}, are for a look.
-- explain_turned_zh: 该终端在三十天内有 {sessions} 个课次出现超过五分钟的时钟跳变，且跳变使核验学时增加，共多出 {n} 个学时；其中本班至少三个课次开课后时钟被拨回半小时以上。本班相应的 {cells} 个申领学时须核实。
-- explain_turned_en: In {sessions} sessions within thirty days this terminal's clock jumped by more than five minutes, each time so that more hours were attested, {n} in all; in three sessions of this class or more it was set back by more than half an hour after the opening. As many of this class's claimed hours, {cells}, have to be confirmed.
-- innocent_zh: 停电后时钟电池失效、首次对时；主板时钟长期走快而未被校正回写。
-- innocent_en: A dead clock battery after a power cut, the first time synchronisation; a hardware clock that runs ahead and is put right anew at each start.
-- next_zh: 更换电池；固定时间源。
-- next_en: Replace the battery; pin the time source.
WITH places AS (
  -- The calendar names a region by the beginning of its code: an outage of a league is one of its banners.
  SELECT device, region AS place FROM devices
  UNION SELECT device, substr(region, 1, 4) AS place FROM devices
  UNION SELECT device, substr(region, 1, 2) AS place FROM devices
), cuts AS (
  SELECT p.device, k."from", k."to" FROM places p JOIN calendar k ON k.region = p.place WHERE k.outage AND k.why = 'power'
), turned AS (
  -- What a power cut explains is set aside. `gain` is the session's, whichever of its steps says it.
  SELECT s.class, s.device, s.counter, MIN(s."at") AS "at", MIN(s.seq) AS seq_from, MAX(s.seq) AS seq_to,
         MAX(s.gain) AS gain,
         MAX(CASE WHEN s.step_ms < -$strong_step_s * 1000 THEN 1 ELSE 0 END) AS back
  FROM clocks s
  WHERE (s.step_ms > $min_step_s * 1000 OR s.step_ms < -$min_step_s * 1000) AND s.gain > 0
    -- Only what went before it: who turns the clock and then pulls the plug has not been turned by the plug.
    AND NOT EXISTS (SELECT 1 FROM faults f WHERE f.device = s.device AND f.counter = s.counter AND f.part = 'power'
                    AND f.seq < s.seq)
    AND NOT EXISTS (SELECT 1 FROM cuts k WHERE k.device = s.device AND k."from" <= s."at"
                    AND k."to" + $within_d * 3600000 >= s."at")
  GROUP BY s.class, s.device, s.counter
), spaced AS (
  SELECT class, device, counter, seq_from, seq_to, gain, back,
         "at" - LAG("at", $min_sessions - 1) OVER (PARTITION BY device ORDER BY "at", counter) AS since,
         LEAD("at", $min_sessions - 1) OVER (PARTITION BY device ORDER BY "at", counter) - "at" AS until
  FROM turned
), often AS MATERIALIZED (
  SELECT class, device, counter, seq_from, seq_to, gain, back FROM spaced
  WHERE since <= $within_d * 86400000 OR until <= $within_d * 86400000
), total AS (
  SELECT device, COUNT(*) AS sessions, SUM(gain) AS gain FROM often GROUP BY device
), bent AS (
  SELECT class, device FROM often WHERE back = 1 GROUP BY class, device HAVING COUNT(*) >= $strong_sessions
), ranked AS (
  -- Which hours were gained cannot be told, only how many.
  SELECT c.class, c.trainee, c.cell, c.lesson, o.device, o.counter, o.seq_from, o.seq_to, o.gain,
         ROW_NUMBER() OVER (PARTITION BY c.device, c.counter ORDER BY c.start, c.trainee, c.cell) AS place
  FROM often o
  JOIN claimed_cells c ON c.class = o.class AND c.device = o.device AND c.counter = o.counter
  WHERE c.shape = 'attested'
)
SELECT r.class, r.device AS subject, r.trainee, r.cell,
       CASE WHEN b.class IS NOT NULL THEN 'turned' ELSE 'gained' END AS kind, r.lesson,
       TRUE AS suspect, r.device, r.counter, r.seq_from, r.seq_to, CAST('device' AS VARCHAR) AS about,
       CASE WHEN b.class IS NOT NULL THEN 'strong' ELSE 'weak' END AS grade,
       t.sessions, CAST(t.gain AS BIGINT) AS n
FROM ranked r JOIN total t ON t.device = r.device
LEFT JOIN bent b ON b.class = r.class AND b.device = r.device
WHERE r.place <= r.gain
