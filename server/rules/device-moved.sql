-- id: device-moved
-- grade: strong
-- family: place
-- scope: class
-- needs: positions
-- title_zh: 终端移位
-- title_en: The terminal was elsewhere
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: max_metres = 500 (customary: positions by cell scatter, and a practice yard may be 400 m away)
-- threshold: min_sessions = 4 (customary: a single move is written down late)
-- threshold: min_permille = 200 (customary: one session in five of the class)
-- explain_zh: 该班 {of} 个课次中有 {n} 个课次，终端的位置距批准的培训点五百米以上，且没有批准的变更；涉及 {cells} 个申领学时。
-- explain_en: In {n} of the {of} sessions of this class the terminal was more than 500 m from its approved site, and no move had been allowed; {cells} claimed hours are of them.
-- innocent_zh: 外出实训、经通知更换教室、定位误差。
-- innocent_en: Practice in the field, a room moved with notice, a bad fix.
-- next_zh: 补办变更批准，或两处都去看。
-- next_en: Approve the move, or visit both places.
WITH fixes AS (
  SELECT device, counter, MIN(metres) AS metres FROM positions WHERE metres IS NOT NULL GROUP BY device, counter
), allowed AS (
  -- A permit for one lesson allows the session that has it.
  SELECT l.class, l.session
  FROM permits p JOIN schedule l ON l.class = p.class AND l.lesson = p.lesson
  WHERE p.what IN ('move', 'practice')
  GROUP BY l.class, l.session
), away AS MATERIALIZED (
  SELECT s.class, s.session, s.device, s.counter
  FROM sessions s
  JOIN fixes f ON f.device = s.device AND f.counter = s.counter AND f.metres > $max_metres
  WHERE NOT EXISTS (SELECT 1 FROM allowed a WHERE a.class = s.class AND a.session = s.session)
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.class = s.class AND p.what IN ('move', 'practice') AND p.lesson IS NULL
                      AND (p."from" IS NULL OR p."from" <= s.close) AND (p."to" IS NULL OR p."to" >= s.open))
), moved AS (
  SELECT a.class, COUNT(DISTINCT a.session) AS n FROM away a GROUP BY a.class HAVING COUNT(DISTINCT a.session) >= $min_sessions
), met AS (
  SELECT class, COUNT(DISTINCT session) AS sessions FROM sessions GROUP BY class
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('moved' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, m.n, t.sessions AS "of"
FROM moved m
JOIN met t ON t.class = m.class AND m.n * 1000 >= $min_permille * t.sessions
JOIN away a ON a.class = m.class
JOIN claimed_cells c ON c.class = a.class AND c.device = a.device AND c.counter = a.counter
WHERE c.shape <> 'unproven'
