USE [Shop]
GO
/****** Object:  Table [dbo].[Customer]    Script Date: 1/1/2024 ******/
SET ANSI_NULLS ON
GO
SET QUOTED_IDENTIFIER ON
GO
CREATE TABLE [dbo].[Customer](
	[Customer ID] [int] IDENTITY(1,1) NOT NULL,
	[SSN] [nvarchar](max) MASKED WITH (FUNCTION = 'partial(0,"X",4)') NULL,
	[Mail] [dbo].[EmailType] NOT NULL,
	[Total]  AS ([a]+(1)) PERSISTED,
	[Born] [datetime2](7) NULL,
	[Guid] [uniqueidentifier] ROWGUIDCOL  NOT NULL CONSTRAINT [DF_g] DEFAULT (newid()),
	[S] [datetime2](7) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL,
 CONSTRAINT [PK_Customer] PRIMARY KEY CLUSTERED 
(
	[Customer ID] ASC
)WITH (PAD_INDEX = OFF, STATISTICS_NORECOMPUTE = OFF) ON [PRIMARY],
	PERIOD FOR SYSTEM_TIME ([S], [E])
) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]
GO
ALTER TABLE [dbo].[Customer] ADD  CONSTRAINT [DF_x]  DEFAULT ((0)) FOR [Total]
GO
ALTER TABLE [dbo].[Customer]  WITH CHECK ADD  CONSTRAINT [FK_a] FOREIGN KEY([x])
REFERENCES [dbo].[Other] ([x])
GO
ALTER TABLE [dbo].[Customer] CHECK CONSTRAINT [FK_a]
GO
ALTER TABLE dbo.Customer ADD Phone varchar(20) NULL, Fax varchar(20)
GO
CREATE VIEW [dbo].[vC] AS SELECT c.[Customer ID] AS id, m = c.Mail FROM [dbo].[Customer] c
GO
CREATE PROCEDURE [dbo].[p] @x int AS
BEGIN
  SET NOCOUNT ON;
  CREATE TABLE #t (a int);
  SELECT 1;
END
GO
CREATE TABLE a (x int, email nvarchar(50))
CREATE TABLE b (y int)
INSERT INTO a VALUES (1, 'x')
EXEC sp_rename 'a', 'c'
GO
EXEC sys.sp_addextendedproperty @name=N'MS_Description', @value=N'x' , @level0type=N'SCHEMA'
GO
IF NOT EXISTS (SELECT 1 FROM sys.tables)
BEGIN
CREATE TABLE [dbo].[cond]([id] [int])
END
GO
