/** The executable `ferry`: the controller and the command line for it. */
import { begin } from "./begin.ts";

begin();
void import("../../../controller/main.ts");
