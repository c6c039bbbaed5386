-- A small clinic schema in the PostgreSQL dialect.
SET client_encoding = 'UTF8';

CREATE TABLE public."Patients" (
    id serial PRIMARY KEY,
    external_ref uuid NOT NULL,
    "Full Name" character varying(200) NOT NULL,
    date_of_birth date,
    insurance_number varchar(20),
    email citext,
    phone text,
    last_ip inet,
    photo bytea,
    preferences jsonb DEFAULT '{}'::jsonb,
    allergies text[],
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE public.visits (
    id bigserial PRIMARY KEY,
    patient_id integer NOT NULL REFERENCES public."Patients" (id),
    visited_at timestamptz NOT NULL,
    icd10_code varchar(8),
    notes text,
    fee numeric(10, 2),
    CONSTRAINT positive_fee CHECK (fee >= 0)
);

COMMENT ON TABLE public."Patients" IS 'Everybody who was ever registered';
COMMENT ON COLUMN public."Patients".insurance_number IS 'Number printed on the health card';
CREATE INDEX visits_by_patient ON public.visits (patient_id);
