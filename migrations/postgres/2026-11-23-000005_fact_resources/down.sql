DROP TABLE fact_resources;
