-- id: device-fork
-- grade: certain
-- family: log
-- gravest: yes
-- title_zh: 终端记录分叉或回滚
-- title_en: Two histories of one terminal
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_records = 2 (design: a branch of one record attests nobody, and cannot differ in attested hours)
-- explain_zh: 该终端用同一密钥对同一课次计数签署了两份互不延续的记录，自该计数起其记录不能作为依据；涉及 {cells} 个申领学时。两份签名均已保存，可在终端页面下载。
-- explain_en: With one key and one counter this terminal signed two histories of which neither extends the other. From that counter on its logs prove nothing; {cells} claimed hours hang on them. Both signed notes are kept, and can be downloaded on the terminal's page.
-- innocent_zh: 技术人员恢复了磁盘镜像（记录仍然作废，但不等于有人作弊）。
-- innocent_en: A technician restored a disk image: still void, and not yet guilt.
-- next_zh: 吊销密钥；对磁盘取证；由两人共同处理。
-- next_en: Revoke the key; take a forensic copy; let two persons handle it.
SELECT c.class, f.device AS subject, c.trainee, c.cell, CAST('fork' AS VARCHAR) AS kind, c.lesson,
       -- Which hours the two tell apart is not known: all are void, and that accuses nobody.
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM claimed_cells c JOIN forks f ON f.device = c.device AND c.counter >= f.counter
UNION ALL
-- The class whose session has two histories, as a fact without an hour.
SELECT c.class, f.device AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell, CAST('fork' AS VARCHAR) AS kind,
       CAST('' AS VARCHAR) AS lesson,
       COALESCE(f.size_a >= $min_records AND f.size_b >= $min_records, FALSE) AS suspect,
       f.device, f.counter, 0 AS seq_from, 0 AS seq_to
FROM (SELECT class, device, counter FROM claimed_cells GROUP BY class, device, counter) c
JOIN forks f ON f.device = c.device AND f.counter = c.counter
UNION ALL
-- A fork of a session that nobody claims is shown as the terminal's own.
SELECT CAST('' AS VARCHAR) AS class, f.device AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell,
       CAST('fork' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson,
       COALESCE(f.size_a >= $min_records AND f.size_b >= $min_records, FALSE) AS suspect,
       f.device, f.counter, 0 AS seq_from, 0 AS seq_to
FROM forks f
WHERE NOT EXISTS (SELECT 1 FROM claimed_cells c WHERE c.device = f.device AND c.counter = f.counter)
