-- id: late-or-wide
-- grade: weak
-- family: log
-- scope: class
-- title_zh: 迟传或时间范围过宽
-- title_en: Late, or of a time that can hardly be proven
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（培训纪律）、第四条（一）
-- threshold: late_h = 72 (customary; from the last record to its receipt)
-- threshold: late_pastoral_h = 480 (customary: twenty days, where logs go by disk)
-- threshold: wide_h = 168 (customary: seven days between the cosignatures around a log)
-- threshold: wide_pastoral_h = 720 (customary: thirty days)
-- threshold: bulk_permille = 500 (customary: half of the class's sessions)
-- threshold: contact_h = 24 (customary: had the network a day before, and kept the log back)
-- explain_zh: {sessions} 个课次的记录迟传或其时间只能确定在很宽的范围内（全班共 {of} 个课次），涉及 {cells} 个申领学时。
-- explain_en: The logs of {sessions} sessions of {of} came late, or their time is known only within wide limits; {cells} claimed hours are of them.
-- explain_held-back_zh: 全班 {of} 个课次中半数以上记录迟传，而终端在此期间有过联网；迟传或时间范围过宽的共 {sessions} 个课次，涉及 {cells} 个申领学时。
-- explain_held-back_en: At half of the class's {of} sessions or more the log came late although the terminal had been on the network meanwhile; {sessions} sessions are late or wide, and {cells} claimed hours are of them.
-- innocent_zh: 牧区无网络、春季道路泥泞、停电断网。
-- innocent_en: A pastoral site without network, roads in spring, an outage.
-- next_zh: 安排用 U 盘收取记录；登记培训点的网络类别。
-- next_en: Collect logs by disk; set the site's network class.
WITH timed AS (
  SELECT s.class, s.session, s.device, s.counter, s.close, s.received,
         CASE WHEN w.network = 'pastoral' THEN $late_pastoral_h ELSE $late_h END AS late_h,
         CASE WHEN w.network = 'pastoral' THEN $wide_pastoral_h ELSE $wide_h END AS wide_h,
         b.not_after - b.not_before AS width
  FROM sessions s
  LEFT JOIN sites w ON w.site = s.site
  LEFT JOIN brackets b ON b.device = s.device AND b.counter = s.counter
), marked AS MATERIALIZED (
  SELECT class, session, device, counter, close, received, received - close > late_h * 3600000 AS late,
         COALESCE(width > wide_h * 3600000, FALSE) AS wide
  FROM timed
), met AS (
  -- A contact between sessions, not a log that came: logs also travel by disk.
  SELECT device, "at" FROM contacts WHERE open IS NULL
), kept AS (
  SELECT m.device, m.counter
  FROM marked m JOIN met k ON k.device = m.device
  WHERE m.late AND k."at" > m.close AND m.received - k."at" > $contact_h * 3600000
  GROUP BY m.device, m.counter
), of_class AS (
  SELECT m.class, COUNT(*) AS logs, SUM(CASE WHEN m.late OR m.wide THEN 1 ELSE 0 END) AS odd,
         SUM(CASE WHEN k.device IS NULL THEN 0 ELSE 1 END) AS kept
  FROM marked m LEFT JOIN kept k ON k.device = m.device AND k.counter = m.counter
  WHERE m.received IS NOT NULL
  GROUP BY m.class
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CASE WHEN o.kept * 1000 >= $bulk_permille * o.logs THEN 'held-back' ELSE 'late' END AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CASE WHEN o.kept * 1000 >= $bulk_permille * o.logs THEN 'strong' ELSE 'weak' END AS grade,
       CAST(o.odd AS BIGINT) AS sessions, o.logs AS "of"
FROM marked m
JOIN of_class o ON o.class = m.class
JOIN claimed_cells c ON c.class = m.class AND c.device = m.device AND c.counter = m.counter
WHERE (m.late OR m.wide) AND c.shape <> 'unproven'
