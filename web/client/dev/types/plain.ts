// Where nothing but the language is known.
import { open } from "seshd";

open<{ visits: number }>().incr("visits");
