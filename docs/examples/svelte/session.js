import { open } from "/seshd.js"; // served by seshd, so that the two are of one version

export const session = open();
