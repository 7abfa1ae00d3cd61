import "./refresh.js";
import "./tips.js";
import "./replay.js";
import "./search.js";
