-- A small shop schema in the MySQL dialect.
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `customers`;
CREATE TABLE `customers` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `first name` varchar(60) NOT NULL COMMENT 'Given name',
  `last name` varchar(60) NOT NULL,
  `email` varchar(255) DEFAULT NULL,
  `password_hash` char(60) NOT NULL,
  `gender` enum('f','m','x') DEFAULT NULL,
  `newsletter` tinyint(1) NOT NULL DEFAULT '0',
  `birth_year` year DEFAULT NULL,
  `notes` mediumtext COMMENT 'What the customer''s calls were about',
  `created_at` datetime(6) DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='People who buy';

CREATE TABLE `orders` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `customer_id` int unsigned NOT NULL,
  `card number` varchar(19) DEFAULT NULL,
  `total` decimal(10,2) NOT NULL,
  `ip_address` varbinary(16) DEFAULT NULL,
  `placed_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `by_customer` (`customer_id`),
  CONSTRAINT `orders_customer` FOREIGN KEY (`customer_id`) REFERENCES `customers` (`id`)
) ENGINE=InnoDB;
