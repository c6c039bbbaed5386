-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
/*!999999\- enable the sandbox mode */ 
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40103 SET TIME_ZONE='+00:00' */;
CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE `shop`;
DROP TABLE IF EXISTS `customers`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `customers` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `e-mail` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL COMMENT 'it''s; the address',
  `status` enum('new','it''s') NOT NULL DEFAULT 'new',
  `bal` decimal(10,2) unsigned zerofill DEFAULT '0.00',
  `ts` timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `full` varchar(50) GENERATED ALWAYS AS (concat(`a`,_utf8mb4' ',`b`)) VIRTUAL,
  `flag` bit(1) DEFAULT b'0',
  `loc` point NOT NULL /*!80003 SRID 4326 */,
  `doc` json DEFAULT (json_object()),
  PRIMARY KEY (`id`),
  UNIQUE KEY `u` (`e-mail`(100)),
  KEY `k` (`ts`) USING BTREE,
  FULLTEXT KEY `ft` (`e-mail`),
  CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `o` (`id`) ON DELETE SET NULL ON UPDATE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COMMENT='people; who buy'
/*!50100 PARTITION BY RANGE (id)
(PARTITION p0 VALUES LESS THAN (10) ENGINE = InnoDB) */;
LOCK TABLES `customers` WRITE;
/*!40000 ALTER TABLE `customers` DISABLE KEYS */;
INSERT INTO `customers` VALUES (1,'it\'s; CREATE TABLE x (a int)','new'),(2,'-- x','y');
/*!40000 ALTER TABLE `customers` ENABLE KEYS */;
UNLOCK TABLES;
CREATE TABLE `customers_bak` LIKE `customers`;
ALTER TABLE `customers_bak` ADD COLUMN `ssn` char(11) DEFAULT NULL AFTER `id`, ADD `nick` text, DROP COLUMN `doc`, CHANGE `flag` `vip` tinyint(1) NOT NULL, MODIFY `ts` datetime, ADD INDEX `i` (`ssn`);
/*!50001 CREATE VIEW `v_contacts` AS SELECT 
 1 AS `id`,
 1 AS `mail`*/;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `tr` BEFORE INSERT ON `customers` FOR EACH ROW BEGIN
  IF NEW.id IS NULL THEN SET NEW.id = 1; END IF;
END */;;
DELIMITER ;
DELIMITER //
CREATE PROCEDURE p()
BEGIN
  DECLARE x INT;
  SELECT CASE WHEN 1 THEN 2 END;
END//
DELIMITER ;
/*!50001 DROP VIEW IF EXISTS `v_contacts`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `v_contacts` AS select `c`.`id` AS `id`,`c`.`e-mail` AS `mail` from `customers` `c` */;
CREATE TABLE t2 (extra int) SELECT id, status FROM customers;
# done
