//! Serializers that refuse NaN and infinity, for which JSON has no number and serde_json would write `null`.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// A value, its serializer, or one of the serializer's parts: each hands the next one on wrapped.
pub(super) struct Finite<T>(pub T);

impl<T: Serialize + ?Sized> Serialize for Finite<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(Finite(serializer))
    }
}

fn check<E: Error>(is_nan: bool, is_finite: bool) -> Result<(), E> {
    match (is_nan, is_finite) {
        (true, _) => Err(E::custom("NaN is not a number in JSON")),
        (_, false) => Err(E::custom("infinity is not a number in JSON")),
        _ => Ok(()),
    }
}

/// Methods that hand on what they are given.
macro_rules! plain {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method(self $(, $name: $type)*) -> Result<S::Ok, S::Error> {
            self.0.$method($($name),*)
        })*
    };
}

/// Methods that check a number.
macro_rules! checked {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            check(value.is_nan(), value.is_finite())?;
            self.0.$method(value)
        })*
    };
}

/// Methods that hand on a value.
macro_rules! nested {
    ($($method:ident($($name:ident: $type:ty),*);)*) => {
        $(fn $method<T: Serialize + ?Sized>(self $(, $name: $type)*, value: &T) -> Result<S::Ok, S::Error> {
            self.0.$method($($name,)* &Finite(value))
        })*
    };
}

/// Methods that begin something with parts.
macro_rules! parts {
    ($($method:ident($($name:ident: $type:ty),*) -> $parts:ident;)*) => {
        $(fn $method(self $(, $name: $type)*) -> Result<Self::$parts, S::Error> {
            self.0.$method($($name),*).map(Finite)
        })*
    };
}

impl<S: Serializer> Serializer for Finite<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Finite<S::SerializeSeq>;
    type SerializeTuple = Finite<S::SerializeTuple>;
    type SerializeTupleStruct = Finite<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Finite<S::SerializeTupleVariant>;
    type SerializeMap = Finite<S::SerializeMap>;
    type SerializeStruct = Finite<S::SerializeStruct>;
    type SerializeStructVariant = Finite<S::SerializeStructVariant>;

    checked! {
        serialize_f32(f32);
        serialize_f64(f64);
    }

    plain! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    nested! {
        serialize_some();
        serialize_newtype_struct(name: &'static str);
        serialize_newtype_variant(name: &'static str, index: u32, variant: &'static str);
    }

    parts! {
        serialize_seq(len: Option<usize>) -> SerializeSeq;
        serialize_tuple(len: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize) -> SerializeStructVariant;
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.0.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// The parts of one kind, by the method that takes the next one, and by what else there is to hand on.
macro_rules! part {
    ($($part:ident: $method:ident($($name:ident: $type:ty)?) { $($other:tt)* })*) => {
        $(impl<S: $part> $part for Finite<S> {
            type Ok = S::Ok;
            type Error = S::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), S::Error> {
                self.0.$method($($name,)? &Finite(value))
            }

            $($other)*

            fn end(self) -> Result<S::Ok, S::Error> {
                self.0.end()
            }
        })*
    };
}

part! {
    SerializeSeq: serialize_element() {}
    SerializeTuple: serialize_element() {}
    SerializeTupleStruct: serialize_field() {}
    SerializeTupleVariant: serialize_field() {}
    SerializeMap: serialize_value() {
        // Serializers check keys themselves.
        fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), S::Error> {
            self.0.serialize_key(key)
        }
    }
    SerializeStruct: serialize_field(key: &'static str) {
        fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
            self.0.skip_field(key)
        }
    }
    SerializeStructVariant: serialize_field(key: &'static str) {
        fn skip_field(&mut self, key: &'static str) -> Result<(), S::Error> {
            self.0.skip_field(key)
        }
    }
}
